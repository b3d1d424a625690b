#include "audits/shared/judged_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "comparison/flip_witness.h"
#include "comparison/settle.h"
#include "comparison/shrink.h"
#include "evidence/observations.h"
#include "pastonly/policy.h"
#include "replay/replay_rule.h"

namespace pastonly::audits {
namespace {

std::optional<LayerFacts::Rule> rule_of(evidence::Observations& observations, std::size_t layer) {
  auto rules = observations.rules();
  if (!rules || layer >= rules->size()) return std::nullopt;
  return (*rules)[layer];
}

Value smallest_witness(const CheckContext& context, const comparison::PickedFlip& picked) {
  const auto shrunk = comparison::shrink(context.observations, picked);
  const comparison::PickedFlip& pick = shrunk ? shrunk->pick : picked;
  Value out = comparison::flip_witness(pick, rule_of(context.observations, pick.layer));
  if (shrunk) out.set("base_cut", shrunk->base_run.cut);
  return out;
}

/// Whether no repeat shows anything at any layer that changed.
bool quiet_at(const comparison::NoiseTest& noise, const comparison::RunComparisons& compared_runs) {
  for (std::size_t l = 0; l < compared_runs.tally.layers.size(); ++l) {
    if (compared_runs.tally.layers[l].changed && !noise.repeats_quiet[l]) return false;
  }
  return true;
}

constexpr double proof_level = 1e-3;

/// Whether one rule that depends on the axis reproduces every decision of all runs at the first layer that
/// flips: then none is random. One that does not says that the token's own scores moved it, as rounding does
/// at a border.
bool all_explained(const CheckContext& context, const comparison::RunComparisons& compared_runs,
                   bool Dependence::*axis) {
  const auto rules = context.observations.rules();
  if (!rules) return false;
  for (std::size_t l = 0; l < compared_runs.tally.layers.size() && l < rules->size(); ++l) {
    if (compared_runs.tally.layers[l].flips == 0) continue;
    const LayerFacts::Rule& rule = (*rules)[l];
    const Trace& base = compared_runs.runs.front().reference->base;
    if (rule.explained < 1.0 || !replay::replay_rule(base, base.layers[l], rule)) return false;
    const auto made = replay::make_identified(rule);
    const Dependence dependence = made->dependence(base.layout, base.layers[l].experts);
    // A length or an order that a rule does not depend on at whole chunks, it may depend on elsewhere.
    const bool company = axis == &Dependence::length || axis == &Dependence::order;
    const bool depends = dependence.*axis || (company && (dependence.future || dependence.batch));
    return depends && !dependence.random;  // later layers may only pass it on
  }
  return false;
}

bool repeats_quiet_where_changed(const comparison::RunComparisons& compared_runs,
                                 const comparison::NoiseTest& noise) {
  for (std::size_t l = 0; l < compared_runs.tally.layers.size(); ++l) {
    if (compared_runs.tally.layers[l].changed) return noise.quiet_up_to(l);
  }
  // Log-probabilities alone: where there are no layers, it is they that repeats have to leave alone.
  return noise.repeats > 0 && !(compared_runs.tally.layers.empty() && noise.controls_move);
}

/// Of the layers that changed, those where noise does not explain it; all of them where no layer alone says
/// so.
void keep_significant(const comparison::NoiseTest& test, const comparison::RunComparisons& compared_runs,
                      double alpha, std::vector<LayerIndex>& layers) {
  const Trace& base = compared_runs.runs.front().reference->base;
  std::vector<LayerIndex> kept;
  for (std::size_t l = 0; l < base.layers.size(); ++l) {
    const bool listed = std::ranges::find(layers, base.layers[l].index) != layers.end();
    if (listed && test.layers[l] <= alpha) kept.push_back(base.layers[l].index);
  }
  if (!kept.empty()) layers = std::move(kept);
}

}  // namespace

std::vector<LayerIndex> changed_layers(const comparison::RunComparisons& compared_runs) {
  const Trace& base = compared_runs.runs.front().reference->base;
  const bool flips = compared_runs.tally.flips() > 0;
  std::vector<LayerIndex> out;
  for (std::size_t l = 0; l < compared_runs.tally.layers.size(); ++l) {
    const comparison::LayerTally& layer = compared_runs.tally.layers[l];
    if (flips ? layer.flips > 0 : layer.changed) out.push_back(base.layers[l].index);
  }
  return out;
}

Judgement judge_change(const CheckContext& context, comparison::NoiseTest noise,
                       const comparison::RunComparisons& compared_runs, bool Dependence::*axis) {
  Judgement out;
  Evidence& evidence = out.evidence;
  const bool quiet = repeats_quiet_where_changed(compared_runs, noise);
  const auto picked = comparison::smallest_flip(compared_runs);
  if (picked)
    out.witness = smallest_witness(context, *picked);
  else
    out.witness = comparison::drift_witness(compared_runs);
  evidence.noise = std::move(noise);
  const comparison::NoiseTest& test = evidence.noise;
  const std::string controls = fmt::format(
      "{} row{} of repeats{}", test.repeats, test.repeats == 1 ? "" : "s",
      test.neutral > 0 && !test.neutral_moved ? fmt::format(" and {} unchanged rows", test.neutral)
                                              : std::string());
  if (test.p_value <= context.policy.alpha) {
    evidence.strength =
        quiet && test.p_value <= proof_level ? Evidence::Strength::proof : Evidence::Strength::statistical;
    out.bound = fmt::format("{} show {} (p = {:.2g})", controls, quiet ? "nothing of the kind" : "less of it",
                            test.p_value);
  }
  if (evidence.strength != Evidence::Strength::proof && quiet && test.treated_flip &&
      all_explained(context, compared_runs, axis)) {
    evidence.strength = Evidence::Strength::proof;
    out.bound = "one rule reproduces every decision of the layer in all runs, so none is random";
  } else if (evidence.strength != Evidence::Strength::proof && picked && picked->flip.scores_equal) {
    // Where scores moved, that it comes again may be how the shapes of products round.
    if (const auto settled = comparison::settle(context.observations, *picked);
        settled && settled->p_value <= proof_level) {
      evidence.strength = Evidence::Strength::proof;
      out.bound = fmt::format("run again, the decision is so in {} of {} changed runs and in {} of {} others",
                              settled->with, settled->looks, settled->without, settled->looks);
    }
  }
  if (evidence.strength == Evidence::Strength::none) {
    // A decision at scores that did not move is no rounding, and where no repeat shows one, nothing says that
    // it is chance.
    const bool silent = test.repeats > 0 && test.treated_flip &&
                        std::ranges::find(test.repeats_quiet, false) == test.repeats_quiet.end();
    const bool seen = test.tested && test.controls_alike() && !silent;
    evidence.strength = seen ? Evidence::Strength::noise : Evidence::Strength::unsettled;
    if (!test.possible())
      out.bound = "no repeat is recorded";
    else if (test.neutral_moved)
      out.bound =
          "rows that were left alone show more than repeats do, so what was redrawn in other rows moves "
          "them, and "
          "they say nothing of noise";
    else
      out.bound = fmt::format("{} show {} (p = {:.2g})", controls,
                              seen                           ? "the like"
                              : silent && test.controls_flip ? "the like, but no repeat does"
                              : test.controls_flip           ? "less of it, and are too few to tell"
                                                             : "none of it, which is too few to tell",
                              test.p_value);
    return out;
  }
  evidence.layers = changed_layers(compared_runs);
  if (evidence.strength == Evidence::Strength::statistical || !quiet_at(test, compared_runs))
    keep_significant(test, compared_runs, context.policy.alpha, evidence.layers);
  return out;
}

}  // namespace pastonly::audits
