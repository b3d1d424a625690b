#include "audits/shared/change_notes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "kernels/elementary.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"

namespace pastonly::audits {
namespace {

using Strength = Evidence::Strength;

/// How many more repeats would make what was seen significant, were none of them to show it.
std::size_t repeats_missing(const comparison::NoiseTest& noise, std::size_t rows, double alpha) {
  if (noise.showing == 0 || rows == 0) return 0;
  const auto treated = static_cast<double>(noise.treated), shown = static_cast<double>(noise.showing);
  const double needed = treated * kernels::pow(alpha, -1.0 / shown) - treated;
  const double have = static_cast<double>(noise.repeats + noise.neutral);
  return needed <= have ? 1 : static_cast<std::size_t>((needed - have) / static_cast<double>(rows)) + 1;
}

void report_broken_repeats(const comparison::RunComparisons& compared_runs, Ran& out) {
  std::set<std::uint32_t> broken;
  for (const comparison::RunComparison& compared : compared_runs.runs)
    broken.insert(compared.reference->broken.begin(), compared.reference->broken.end());
  if (broken.empty()) return;
  Claim claim;
  claim.id = claim::broken_repeat;
  claim.basis = Claim::Basis::observation;
  claim.message = fmt::format(
      "run{} {}, recorded as a repeat, score{} half of the tokens otherwise by more than any rounding, where "
      "another repeat moves none: {} not what the base ran",
      broken.size() == 1 ? "" : "s", fmt::join(broken, ", "), broken.size() == 1 ? "s" : "",
      broken.size() == 1 ? "it is" : "they are");
  claim.help = "Record it again. As it stands it only weakens what the other runs prove.";
  out.claims.push_back(std::move(claim));
}

}  // namespace

void report_numerical(const comparison::RunComparisons& compared_runs, const DependenceWords& words,
                      Ran& out) {
  Claim claim;
  claim.id = claim::numerical;
  claim.basis = Claim::Basis::observation;
  claim.layers = changed_layers(compared_runs);
  claim.message = fmt::format(
      "{} moved when {}, by less than a tenth of the scores, and no decision but at ties: products in 16 "
      "bits "
      "round so where other tokens change their shapes; a dependence so small is not excluded",
      drift_sentence(compared_runs.tally), words.change);
  claim.help = "To exclude it, record in float32, or with kernels whose sums do not depend on shapes.";
  out.claims.push_back(std::move(claim));
}

void report_undecided(const CheckContext& context, const comparison::RunComparisons& compared_runs,
                      const Judgement& judged, const DependenceWords& words, Ran& out) {
  const comparison::NoiseTest& noise = judged.evidence.noise;
  Claim claim;
  claim.basis = Claim::Basis::observation;
  claim.layers = changed_layers(compared_runs);
  claim.witness = judged.witness;
  const std::string seen = compared_runs.tally.flips() > 0
                               ? flip_sentence(compared_runs, words, claim.layers)
                               : fmt::format("{} changed beyond rounding when {}",
                                             drift_sentence(compared_runs.tally), words.change);
  if (judged.evidence.strength == Strength::noise) {
    claim.id = claim::within_noise;
    claim.message = fmt::format("{}; {}", seen, judged.bound);
    claim.help =
        "Routing or its inputs are drawn anew in every run. Hold the seed of the noise, or turn it off, "
        "to see smaller dependence.";
  } else {
    const std::size_t rows = compared_runs.runs.front().reference->base.layout.sequences;
    claim.id = claim::unsettled;
    claim.message = fmt::format("{}; this is not told from noise: {}", seen, judged.bound);
    const std::size_t missing = repeats_missing(noise, rows, context.policy.alpha);
    claim.help =
        noise.treated_flip
            ? fmt::format(
                  "Record at least {} more repeat{} of the base. If none of them shows such a "
                  "change, this one is a dependence, unless products round so where other rows change their "
                  "shapes, which no repeat shows.",
                  missing, missing == 1 ? "" : "s")
            : "Scores moved by what 16-bit products round. State the type that the model was computed in "
              "(`compute` in the metadata, or --compute); in float32 such a movement is a dependence.";
  }
  out.claims.push_back(std::move(claim));
}

void report_rounding(const comparison::RunComparisons& compared_runs, const Judgement& judged,
                     const CheckContext& context, const DependenceWords& words, Ran& out) {
  const std::size_t flips = compared_runs.tally.rounding_flips(),
                    floats = compared_runs.tally.scores_rounded();
  if (flips + floats == 0) return;
  Claim claim;
  claim.id = claim::rounding;
  claim.basis = Claim::Basis::observation;
  double largest = 0.0;
  const Trace& base = compared_runs.runs.front().reference->base;
  for (std::size_t l = 0; l < compared_runs.tally.layers.size(); ++l) {
    const comparison::LayerTally& layer = compared_runs.tally.layers[l];
    if (layer.rounding_flips + layer.scores_rounded == 0) continue;
    claim.layers.push_back(base.layers[l].index);
    if (layer.scores_moved == 0) largest = std::max(largest, layer.largest_score);
  }
  const comparison::NoiseTest& noise = judged.evidence.noise;
  const bool numerical =
      !compared_runs.tally.changed() && noise.neutral > 0 && noise.p_value <= context.policy.alpha;
  claim.message = fmt::format(
      "rounding when {}: scores of {} tokens changed within tolerance{}, and {} mask entr{} flipped at a tie "
      "or as a consequence; {}",
      words.change, floats, largest > 0.0 ? fmt::format(" (by {:.1e} at most)", largest) : std::string(),
      flips, flips == 1 ? "y" : "ies",
      numerical
          ? fmt::format("more than in runs that leave the past of these tokens alone (p = {:.2g}): results "
                        "depend on it numerically, beyond the last bits they do not",
                        noise.p_value)
          : std::string("this does not count as dependence"));
  claim.help =
      "Kernels round differently when other tokens change the shapes of products. No action is needed.";
  if (numerical) {
    claim.id = claim::numerical;
    claim.help =
        "This breaks reproducibility to the bit, not causality. Fix the shapes of products, or use "
        "kernels whose sums do not depend on them.";
  }
  out.claims.push_back(std::move(claim));
}

void report_noise_by_place(const comparison::RunComparisons& compared_runs, const DependenceWords& words,
                           Ran& out) {
  Claim claim;
  claim.id = claim::noise_by_place;
  claim.basis = Claim::Basis::observation;
  claim.layers = changed_layers(compared_runs);
  const std::string seen = compared_runs.tally.flips() > 0
                               ? flip_sentence(compared_runs, words, claim.layers)
                               : fmt::format("{} changed beyond rounding when {}",
                                             drift_sentence(compared_runs.tally), words.change);
  claim.message = seen +
                  "; noise that is drawn by the place in the batch, not routing by place: no redrawn "
                  "sequence changes another, and no token lost or won a slot";
  claim.help =
      "Dropout, jitter or sampling under a fixed seed gives each place its own noise. Turn it off to test "
      "the "
      "order of sequences.";
  out.claims.push_back(std::move(claim));
}

void report_chance(const comparison::RunComparisons& compared_runs, Ran& out) {
  report_broken_repeats(compared_runs, out);
  Claim claim;
  claim.id = claim::stochastic;
  claim.basis = Claim::Basis::observation;
  double rate = 0.0;
  const bool held = !compared_runs.stochastic;
  for (const comparison::RunComparison& compared : compared_runs.runs) {
    const comparison::Reference& reference = *compared.reference;
    for (std::size_t l = 0; l < reference.base.layers.size(); ++l) {
      const LayerIndex index = reference.base.layers[l].index;
      const bool drawn = held ? reference.redraw_flip_rate[l] > 0.0 : bool{reference.stochastic_layers[l]};
      rate = std::max(rate, held ? reference.redraw_flip_rate[l] : reference.repeat_flip_rate[l]);
      const bool listed = std::find(claim.layers.begin(), claim.layers.end(), index) != claim.layers.end();
      if (drawn && !listed) claim.layers.push_back(index);
    }
  }
  if (claim.layers.empty()) return;
  std::sort(claim.layers.begin(), claim.layers.end());
  claim.message =
      held ? fmt::format(
                 "another draw of what routing leaves to chance changes up to {:.2g}% of the decisions of "
                 "{}; all other runs hold the draw of their base, so what they change is no chance",
                 100.0 * rate, layer_list(claim.layers))
           : fmt::format(
                 "a plain repeat changes up to {:.2g}% of the decisions of {}: routing is drawn anew in "
                 "every run, so what changed runs show is held against what unchanged ones do",
                 100.0 * rate, layer_list(claim.layers));
  if (!held)
    claim.help = "Record with a fixed seed per run (equal noise for equal tokens), or record many repeats.";
  out.claims.push_back(std::move(claim));
}

}  // namespace pastonly::audits
