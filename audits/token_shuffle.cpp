#include <algorithm>
#include <array>

#include "audits/checks.h"
#include "evidence/observations.h"
#include "losses/variant_losses.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"
#include "replay/rearranged.h"
#include "stats/parallel.h"

namespace pastonly::audits {
namespace {

constexpr std::size_t shuffled_scores = 1 << 18;

/// Runs under shuffled routing: what routing in order is worth to the model.
Expected<void> rerouted(const CheckContext& context, std::vector<Measurement>& out) {
  const auto pairs = losses::shuffled_losses(context.observations);
  if (!pairs) return tl::unexpected(pairs.error());
  if (pairs->empty()) return {};
  const double alpha = context.policy.alpha;
  out.push_back(pairs->difference(measurement::reliance, alpha, context.seed));
  out.push_back(pairs->base(measurement::loss_in_order, alpha, context.seed));
  out.push_back(pairs->runs(measurement::loss_shuffled, alpha, context.seed));
  return {};
}

/// The identified rule applied again to recorded scores.
Expected<void> reapply(const CheckContext& context, std::vector<Measurement>& out) {
  const auto base = context.observations.base();
  const auto rules = context.observations.rules();
  if (!base) return tl::unexpected(base.error());
  if (!rules) return tl::unexpected(rules.error());
  std::vector<std::optional<Measurement>> layers(base->layers.size());
  stats::parallel_for(layers.size(), [&](std::size_t l) {
    const LayerRecord& layer = base->layers[l];
    const auto rule = replay::replay_rule(*base, layer, (*rules)[l]);
    if (!rule) return;
    if (const auto moved =
            replay::shuffled(*base, layer, *rule, shuffled_scores / layers.size(), context.seed + l)) {
      layers[l] = moved->measurement(measurement::shuffled_flip_rate, layer.index, context.policy.alpha,
                                     context.seed);
    }
  });
  for (auto& layer : layers) {
    if (layer) out.push_back(std::move(*layer));
  }
  return {};
}

constexpr std::array shuffle_runs{Intervention::Kind::shuffle};

Outcome run_token_shuffle(const CheckContext& context) {
  Ran out;
  if (auto done = rerouted(context, out.measurements); !done) return done.error();
  if (auto done = reapply(context, out.measurements); !done) return done.error();
  if (out.measurements.empty()) {
    return Skipped{
        "no shuffle run with log-probabilities is recorded, and no layer's rule can be applied again"};
  }
  return out;
}

}  // namespace

const Check token_shuffle_check{
    "token-shuffle",
    "What routing in token order contributes",
    "Compares routing in order with routing after a random permutation of all tokens of the batch: the loss "
    "of recorded shuffled runs (losses under altered routing), and the decisions of the identified rule "
    "applied again to the recorded scores. This check only measures: first-come rules are causal and change "
    "as well.",
    Needs{},
    run_token_shuffle,
    shuffle_runs,
    Effort{.budget = 0.25, .most_runs = 128},
};

}  // namespace pastonly::audits
