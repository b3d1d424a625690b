#include "audits/shared/dependence_report.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "audits/shared/change_notes.h"
#include "audits/shared/place_noise.h"
#include "comparison/idle_runs.h"
#include "comparison/tolerances.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"

namespace pastonly::audits {
namespace {

using Strength = Evidence::Strength;

/// The regions that were compared.
std::vector<comparison::RunRegions> regions_of(const comparison::RunComparisons& compared_runs) {
  std::vector<comparison::RunRegions> out;
  for (const auto& compared : compared_runs.runs) out.push_back({compared.run, compared.regions});
  return out;
}

constexpr std::string_view dense_help =
    "No layer routes: what the model says of a token differs. Look at attention masks and positions, at "
    "padding "
    "and packed documents, at caches, and at normalisations and scans over tokens.";

Claim base_claim(const Judgement& judged, const DependenceWords& words, bool routed) {
  Claim claim;
  claim.basis = Claim::Basis::proof;
  if (judged.evidence.strength == Strength::statistical) {
    claim.basis = Claim::Basis::statistical;
    claim.p_value = judged.evidence.noise.p_value;
  }
  claim.help = routed ? words.help : dense_help;
  claim.layers = judged.evidence.layers;
  claim.witness = judged.witness;
  return claim;
}

void report_change(const comparison::RunComparisons& compared_runs, const Judgement& judged,
                   const DependenceWords& words, Ran& out) {
  Claim claim = base_claim(judged, words, !compared_runs.tally.layers.empty());
  if (compared_runs.tally.flips() > 0) {
    claim.id = words.flip_id;
    claim.message = flip_sentence(compared_runs, words, claim.layers);
  } else {
    claim.id = claim::change;
    claim.message = fmt::format("{}{} changed beyond rounding when {}: {} of {} runs",
                                compared_runs.tally.layers.empty() ? "" : "no mask entry changed, but ",
                                drift_sentence(compared_runs.tally), words.change,
                                compared_runs.tally.runs_changed, compared_runs.tally.runs);
  }
  claim.message += "; " + judged.bound;
  out.claims.push_back(std::move(claim));
}

/// Whether what moved is what products in 16 bits round, as far down as the model goes, where no run says how
/// far that is: no decision moved on its own, and nothing by a tenth of the scores. A change of the future
/// has controls of the same shapes, and needs no such allowance.
bool moved_by_rounding(const comparison::RunComparisons& compared_runs, const Judgement& judged,
                       const DependenceWords& words) {
  const comparison::NoiseTest& noise = judged.evidence.noise;
  return judged.evidence.strength == Strength::unsettled && words.axis != &Dependence::future &&
         compared_runs.tally.flips() == 0 && !noise.treated_flip && !noise.treated_gross &&
         comparison::says_16_bits(compared_runs.runs.front().reference->base);
}

/// Flips that pass for rounding one by one, and that unchanged rows do not show alike.
void report_uneven_rounding(const comparison::RunComparisons& compared_runs, Evidence& evidence,
                            const DependenceWords& words, Ran& out) {
  Claim claim;
  claim.id = words.flip_id;
  claim.basis = Claim::Basis::statistical;
  claim.p_value = evidence.noise.flips_p_value;
  const Trace& base = compared_runs.runs.front().reference->base;
  for (std::size_t l = 0; l < compared_runs.tally.layers.size(); ++l) {
    if (compared_runs.tally.layers[l].rounding_flips > 0) claim.layers.push_back(base.layers[l].index);
  }
  evidence.layers = claim.layers;
  claim.message = fmt::format(
      "{} mask entries changed when {}, each of them near a border, where rounding may change it; but "
      "rounding "
      "would change unchanged rows alike, and they show less of it (p = {:.2g})",
      compared_runs.tally.rounding_flips(), words.change, evidence.noise.flips_p_value);
  claim.help = fmt::format("{} A selection bias that is recorded shows which flips are ties.", words.help);
  out.claims.push_back(std::move(claim));
}

}  // namespace

Expected<Evidence> report_dependence(const CheckContext& context, comparison::References& references,
                                     const comparison::RunComparisons& compared_runs,
                                     std::span<const comparison::RunRegions> neutral,
                                     const DependenceWords& words, Ran& out) {
  const comparison::Tally& tally = compared_runs.tally;
  if (compared_runs.runs.empty() || !(tally.changed() || tally.rounding_flips() + tally.scores_rounded() > 0))
    return Evidence{};
  auto noise = comparison::test_noise(context.observations, references, regions_of(compared_runs), neutral,
                                      context.policy.alpha, context.seed);
  if (!noise) return tl::unexpected(noise.error());
  Judgement judged;
  if (tally.changed()) {
    judged = judge_change(context, *std::move(noise), compared_runs, words.axis);
    if (judged.evidence.strength >= Strength::statistical)
      report_change(compared_runs, judged, words, out);
    else if (moved_by_rounding(compared_runs, judged, words))
      report_numerical(compared_runs, words, out);
    else
      report_undecided(context, compared_runs, judged, words, out);
  } else {
    judged.evidence.noise = *std::move(noise);
  }
  if (judged.evidence.strength < Strength::statistical && compared_runs.tally.rounding_flips() > 0 &&
      judged.evidence.noise.flips_p_value <= context.policy.alpha) {
    judged.evidence.strength = Strength::statistical;
    report_uneven_rounding(compared_runs, judged.evidence, words, out);
  }
  // Noise says all that there is to say of small movements.
  if (judged.evidence.strength != Strength::noise)
    report_rounding(compared_runs, judged, context, words, out);
  return judged.evidence;
}

Skipped nothing_recorded(std::string_view what) {
  return Skipped{fmt::format("no {} run is recorded; record one (see the guide's plan kinds)", what)};
}

Outcome check_dependence(const CheckContext& context,
                         const Expected<std::vector<comparison::RunRegions>>& comparisons,
                         const DependenceWords& words, std::string_view recorded) {
  if (!comparisons) return comparisons.error();
  if (comparisons->empty()) return nothing_recorded(recorded);
  const auto telling = comparison::without_idle(context.observations, *comparisons);
  if (!telling) return telling.error();
  if (telling->runs.empty())
    return Skipped{fmt::format("no {} run shows anything{}", recorded, telling->idle_words())};
  comparison::References references(context.observations);
  const auto found = comparison::compare_runs(context.observations, references, telling->runs);
  if (!found) return found.error();
  Ran out;
  out.measurements = comparison::measurements(found->tally, found->runs.front().reference->base, "",
                                              context.policy.alpha, context.seed);
  bool by_place = false;
  if (words.moves_places && found->tally.changed()) {
    const auto answer = is_noise_by_place(context.observations, references, *found);
    if (!answer) return answer.error();
    by_place = *answer;
  }
  if (by_place) {
    report_noise_by_place(*found, words, out);
  } else if (auto done = report_dependence(context, references, *found, {}, words, out); !done) {
    return done.error();
  }
  report_chance(*found, out);
  return out;
}

}  // namespace pastonly::audits
