#include <algorithm>

#include "checks.h"
#include "pastonly/policy.h"
#include "stats/parallel.h"
#include "subject/evidence.h"
#include "subject/paired_loss.h"
#include "subject/rearranged.h"

namespace pastonly {
namespace {

constexpr std::size_t kShuffledScores = 1000000;

/// Recorded shuffles: what routing in order is worth to the model.
Expected<void> recorded(const Pass& pass, std::vector<Measurement>& out) {
  std::vector<Trace> runs;
  std::optional<Trace> base;
  for (const Intervention* run : pass.evidence.runs(Intervention::Kind::shuffle)) {
    auto own = pass.evidence.base_of(*run);
    auto trace = pass.evidence.trace(*run);
    if (!own) return tl::unexpected(own.error());
    if (!trace) return tl::unexpected(trace.error());
    if (!base) base = std::move(*own);
    if (run->base == pass.evidence.runs(Intervention::Kind::shuffle).front()->base)
      runs.push_back(std::move(*trace));
  }
  if (!base) return {};
  auto reliance = paired_loss("reliance", *base, runs, pass.policy.alpha, pass.seed);
  if (!reliance) return {};
  out.push_back(*reliance);
  const double in_order = loss_bits(*base).value_or(0.0);
  const std::uint64_t samples = reliance->samples / runs.size();
  out.push_back({"loss_in_order", in_order, {}, {}, "bits per token", samples, {}});
  out.push_back(
      {"loss_shuffled", in_order + reliance->value, {}, {}, "bits per token", reliance->samples, {}});
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
  if (auto done = recorded(pass, out.measurements); !done) return done.error();
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
