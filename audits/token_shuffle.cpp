#include <algorithm>

#include "audits/checks.h"
#include "evidence/audit_context.h"
#include "losses/variant_losses.h"
#include "pastonly/policy.h"
#include "replay/rearranged.h"
#include "stats/parallel.h"

namespace pastonly {
namespace {

constexpr std::size_t kShuffledScores = 1 << 18;

/// Runs under shuffled routing: what routing in order is worth to the model.
Expected<void> rerouted(const Pass& pass, std::vector<Measurement>& out) {
  const auto pairs = shuffled_losses(pass.evidence);
  if (!pairs) return tl::unexpected(pairs.error());
  if (pairs->empty()) return {};
  const double alpha = pass.policy.alpha;
  out.push_back(pairs->difference("reliance", alpha, pass.seed));
  out.push_back(pairs->base("loss_in_order", alpha, pass.seed));
  out.push_back(pairs->runs("loss_shuffled", alpha, pass.seed));
  return {};
}

/// The identified rule applied again to recorded scores.
Expected<void> reapply(const Pass& pass, std::vector<Measurement>& out) {
  const auto base = pass.evidence.base();
  const auto rules = pass.evidence.rules();
  if (!base) return tl::unexpected(base.error());
  if (!rules) return tl::unexpected(rules.error());
  std::vector<std::optional<Measurement>> layers(base->layers.size());
  stats::parallel_for(layers.size(), [&](std::size_t l) {
    const LayerRecord& layer = base->layers[l];
    const auto rule = reapplied(*base, layer, (*rules)[l]);
    if (!rule) return;
    if (const auto moved = shuffled(*base, layer, *rule, kShuffledScores / layers.size(), pass.seed + l)) {
      layers[l] = moved->measurement("shuffled_flip_rate", layer.index, pass.policy.alpha, pass.seed);
    }
  });
  for (auto& layer : layers) {
    if (layer) out.push_back(std::move(*layer));
  }
  return {};
}

Outcome run_token_shuffle(const Pass& pass) {
  Ran out;
  if (auto done = rerouted(pass, out.measurements); !done) return done.error();
  if (auto done = reapply(pass, out.measurements); !done) return done.error();
  if (out.measurements.empty()) {
    return Skipped{
        "no shuffle run with log-probabilities is recorded, and no layer's rule can be applied again"};
  }
  return out;
}

}  // namespace

const Check token_shuffle_check{
    "token-shuffle",
    "What token order is worth",
    "Compares routing in order with routing after a random permutation of all tokens of the batch: the loss "
    "of recorded "
    "shuffled runs (reliance), and the decisions of the identified rule applied again to recorded scores. It "
    "measures; "
    "first-come rules are causal and move as well.",
    Needs{},
    run_token_shuffle,
};

}  // namespace pastonly
