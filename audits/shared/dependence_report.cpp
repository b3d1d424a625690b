#include "audits/shared/dependence_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "comparison/flip_witness.h"
#include "comparison/idle_runs.h"
#include "comparison/shrink.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"

namespace pastonly::audits {
namespace {

std::string layer_list(const std::vector<LayerIndex>& layers) {
  std::string out = layers.size() == 1 ? "layer " : "layers ";
  for (std::size_t i = 0; i < layers.size(); ++i) out += fmt::format("{}{}", i ? ", " : "", raw(layers[i]));
  return out;
}

std::optional<LayerFacts::Rule> rule_of(evidence::Observations& observations, std::size_t layer) {
  auto rules = observations.rules();
  if (!rules || layer >= rules->size()) return std::nullopt;
  return (*rules)[layer];
}

Value smallest_witness(const CheckContext& context, const comparison::RunComparisons& compared_runs) {
  const auto picked = comparison::smallest_flip(compared_runs);
  if (!picked) return {};
  const auto shrunk = comparison::shrink(context.observations, *picked);
  const comparison::PickedFlip& pick = shrunk ? shrunk->pick : *picked;
  Value out = comparison::flip_witness(pick, rule_of(context.observations, pick.layer));
  if (shrunk) out.set("base_cut", shrunk->base_run.cut);
  return out;
}

Claim base_claim(const comparison::RunComparisons& compared_runs, const DependenceWords& words) {
  Claim claim;
  claim.basis = compared_runs.repeated ? Claim::Basis::proof : Claim::Basis::observation;
  claim.help = words.help;
  return claim;
}

void report_flips(const CheckContext& context, const comparison::RunComparisons& compared_runs,
                  const DependenceWords& words, Ran& out) {
  Claim claim = base_claim(compared_runs, words);
  claim.id = words.flip_id;
  std::size_t decisions = 0;
  const Trace& base = compared_runs.runs.front().reference->base;
  for (std::size_t l = 0; l < compared_runs.tally.layers.size(); ++l) {
    decisions += compared_runs.tally.layers[l].decisions;
    if (compared_runs.tally.layers[l].flips > 0) claim.layers.push_back(base.layers[l].index);
  }
  claim.witness = smallest_witness(context, compared_runs);
  const std::size_t flips = compared_runs.tally.flips();
  claim.message = fmt::format(
      "{} of {} {} ({:.2g}%) changed when {}: {} of {} runs, {}{}", flips, decisions, words.subject,
      100.0 * static_cast<double>(flips) / static_cast<double>(decisions), words.change,
      compared_runs.tally.runs_changed, compared_runs.tally.runs, layer_list(claim.layers),
      compared_runs.repeated ? "" : "; no repeat is recorded, so random routing is not excluded");
  out.claims.push_back(std::move(claim));
}

void report_drift(const comparison::RunComparisons& compared_runs, const DependenceWords& words, Ran& out) {
  Claim claim = base_claim(compared_runs, words);
  claim.id = claim::change;
  const Trace& base = compared_runs.runs.front().reference->base;
  std::size_t scores = 0, gates = 0;
  for (std::size_t l = 0; l < compared_runs.tally.layers.size(); ++l) {
    const comparison::LayerTally& layer = compared_runs.tally.layers[l];
    scores += layer.scores_moved;
    gates += layer.gates_moved;
    if (layer.changed) claim.layers.push_back(base.layers[l].index);
  }
  claim.witness = comparison::drift_witness(compared_runs);
  claim.message = fmt::format(
      "no mask entry changed, but scores of {} tokens, gates of {} tokens and {} log-probabilities changed "
      "beyond rounding when {}: {} of {} runs",
      scores, gates, compared_runs.tally.log_probs_moved, words.change, compared_runs.tally.runs_changed,
      compared_runs.tally.runs);
  out.claims.push_back(std::move(claim));
}

void report_rounding(const comparison::RunComparisons& compared_runs, const DependenceWords& words,
                     Ran& out) {
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
  claim.message = fmt::format(
      "rounding when {}: scores of {} tokens changed within tolerance{}, and {} mask entr{} flipped at a tie "
      "or as a consequence; this does not count as dependence",
      words.change, floats, largest > 0.0 ? fmt::format(" (by {:.1e} at most)", largest) : std::string(),
      flips, flips == 1 ? "y" : "ies");
  claim.help =
      "Kernels round differently when other tokens change the shapes of products. No action is needed.";
  out.claims.push_back(std::move(claim));
}

}  // namespace

void report_dependence(const CheckContext& context, const comparison::RunComparisons& compared_runs,
                       const DependenceWords& words, Ran& out) {
  if (compared_runs.runs.empty()) return;
  if (compared_runs.tally.flips() > 0) {
    report_flips(context, compared_runs, words, out);
  } else if (compared_runs.tally.changed()) {
    report_drift(compared_runs, words, out);
  }
  report_rounding(compared_runs, words, out);
}

void report_chance(const comparison::RunComparisons& compared_runs, Ran& out) {
  if (!compared_runs.stochastic) return;
  Claim claim;
  claim.id = claim::stochastic;
  claim.basis = Claim::Basis::observation;
  double rate = 0.0;
  for (const comparison::RunComparison& compared : compared_runs.runs) {
    const comparison::Reference& reference = *compared.reference;
    for (std::size_t l = 0; l < reference.base.layers.size(); ++l) {
      rate = std::max(rate, reference.repeat_flip_rate[l]);
      const LayerIndex index = reference.base.layers[l].index;
      const bool listed = std::find(claim.layers.begin(), claim.layers.end(), index) != claim.layers.end();
      if (reference.stochastic_layers[l] && !listed) claim.layers.push_back(index);
    }
  }
  std::sort(claim.layers.begin(), claim.layers.end());
  claim.message = fmt::format(
      "a plain repeat changes up to {:.2g}% of the decisions of {}: routing is stochastic, so from the first "
      "such layer on a flip proves nothing",
      100.0 * rate, layer_list(claim.layers));
  claim.help = "Record with a fixed seed per run (equal noise for equal tokens), or record many repeats.";
  out.claims.push_back(std::move(claim));
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
  report_dependence(context, *found, words, out);
  report_chance(*found, out);
  return out;
}

}  // namespace pastonly::audits
