#include "checkpoint/router.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "checkpoint/linear.h"
#include "kernels/elementary.h"
#include "stats/parallel.h"

namespace pastonly::checkpoint {
namespace {

constexpr std::size_t tokens_per_task = 64;

template <class Body>
void for_token_ranges(std::size_t tokens, Body&& body) {
  stats::parallel_for((tokens + tokens_per_task - 1) / tokens_per_task, [&](std::size_t task) {
    body(task * tokens_per_task, std::min(tokens, (task + 1) * tokens_per_task));
  });
}

void softmax(std::span<const float> logits, float* out) {
  const auto top = static_cast<double>(*std::ranges::max_element(logits));
  double sum = 0.0;
  for (const float logit : logits) sum += kernels::exp(static_cast<double>(logit) - top);
  for (std::size_t e = 0; e < logits.size(); ++e)
    out[e] = static_cast<float>(kernels::exp(static_cast<double>(logits[e]) - top) / sum);
}

void sigmoid(std::span<const float> logits, float* out) {
  for (std::size_t e = 0; e < logits.size(); ++e)
    out[e] = static_cast<float>(1.0 / (1.0 + kernels::exp(-static_cast<double>(logits[e]))));
}

/// Softmax of one logit among those near the largest; those of `done` are out of the race.
/// Liu et al. 2024 (GRIN), and PhiMoE in transformers.
float mixed(const RouterDescription& router, std::span<const float> logits, const std::vector<bool>& done,
            std::size_t expert) {
  float top = -std::numeric_limits<float>::infinity();
  for (std::size_t e = 0; e < logits.size(); ++e) {
    if (!done[e]) top = std::max(top, logits[e]);
  }
  const auto limit = static_cast<float>(2.0 * router.jitter);
  const auto near = [&](std::size_t e) {
    return !done[e] && !((top - logits[e]) / std::max(std::abs(logits[e]), top) > limit);
  };
  if (!near(expert)) return 0.0F;
  double sum = 0.0;
  for (std::size_t e = 0; e < logits.size(); ++e) {
    if (near(e)) sum += kernels::exp(static_cast<double>(logits[e] - top));
  }
  return static_cast<float>(kernels::exp(static_cast<double>(logits[expert] - top)) / sum);
}

void mix(const RouterDescription& router, std::span<const float> logits,
         std::span<const std::uint16_t> experts, std::span<float> out) {
  std::vector<std::size_t> order(experts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(
      order, [&](std::size_t a, std::size_t b) { return logits[experts[a]] > logits[experts[b]]; });
  std::vector<bool> done(logits.size(), false);
  for (const std::size_t i : order) {
    out[i] = mixed(router, logits, done, experts[i]);
    done[experts[i]] = true;
  }
}

}  // namespace

void score(const RouterDescription& router, const LayerWeights& weights, InferenceWorkspace& workspace) {
  const std::size_t tokens = workspace.normed.rows();
  workspace.router_logits.resize(tokens, router.experts);
  workspace.scores.resize(tokens, router.experts);
  const bool bf16 = std::exchange(workspace.bf16, false);
  apply(weights.router, workspace.normed.block(), workspace.router_logits.block(), workspace);
  workspace.bf16 = bf16;
  for_token_ranges(tokens, [&](std::size_t first, std::size_t end) {
    for (std::size_t t = first; t < end; ++t) {
      const std::span<const float> logits(workspace.router_logits.row(t), router.experts);
      router.score == Score::softmax ? softmax(logits, workspace.scores.row(t))
                                     : sigmoid(logits, workspace.scores.row(t));
    }
  });
}

void select(const RoutingRule& rule, const runtime::Batch& batch, std::uint64_t seed,
            InferenceWorkspace& workspace) {
  const auto& scores = workspace.scores;
  runtime::select<float>(rule, scores.block(), batch, seed, workspace.selection, workspace.routing);
  workspace.dispatch.build(workspace.routing.mask);
}

void gates_of(const RouterDescription& router, std::span<const float> logits, std::span<const float> scores,
              std::span<const std::uint16_t> experts, std::span<float> out) {
  if (router.gate == GateNormalisation::sparse_mixer) {
    mix(router, logits, experts, out);
  } else {
    double sum = 0.0;
    for (std::size_t i = 0; i < experts.size(); ++i) {
      out[i] = scores[experts[i]];
      sum += static_cast<double>(out[i]);
    }
    if (router.gate == GateNormalisation::renormalised) {
      // transformers adds something where scores may all be 0 (sigmoid).
      for (float& gate : out) gate = static_cast<float>(static_cast<double>(gate) / (sum + router.sum_floor));
    }
  }
  for (float& gate : out) gate *= static_cast<float>(router.gate_scale);
}

void gate(const RouterDescription& router, std::span<const float> scales, InferenceWorkspace& workspace) {
  const auto& dispatch = workspace.dispatch;
  workspace.gates.resize(dispatch.routes());
  for_token_ranges(workspace.scores.rows(), [&](std::size_t first, std::size_t end) {
    std::vector<std::uint16_t> experts;
    std::vector<float> gates;
    for (std::size_t t = first; t < end; ++t) {
      const auto routes = dispatch.routes_of(t);
      experts.clear();
      for (const auto route : routes) experts.push_back(static_cast<std::uint16_t>(dispatch.expert(route)));
      gates.resize(routes.size());
      gates_of(router, {workspace.router_logits.row(t), router.experts},
               {workspace.scores.row(t), router.experts}, experts, gates);
      for (std::size_t i = 0; i < routes.size(); ++i)
        workspace.gates[routes[i]] = scales.empty() ? gates[i] : gates[i] * scales[experts[i]];
    }
  });
}

}  // namespace pastonly::checkpoint
