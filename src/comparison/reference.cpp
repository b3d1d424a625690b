#include "comparison/reference.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace pastonly::comparison {
namespace {

constexpr double fine_share = 1e-5;    // F32, F64: what kernel shapes move is below 1e-6
constexpr double coarse_share = 1e-2;  // BF16, F16

double share(DType type) { return type == DType::bf16 || type == DType::f16 ? coarse_share : fine_share; }

double largest_finite(std::span<const float> values) {
  double largest = 0.0;
  for (const float x : values) {
    if (std::isfinite(x)) largest = std::max(largest, std::abs(double{x}));
  }
  return largest;
}

double scale(const TokenTensor& tensor) {
  double largest = 0.0;
  std::vector<float> scratch;
  for (std::size_t row = 0; row < tensor.sequences; ++row) {
    const auto values = read_floats(tensor, row * tensor.positions, tensor.positions, scratch);
    largest = std::max(largest, largest_finite({values.data(), values.size()}));
  }
  return largest;
}

Tolerances intrinsic(const Trace& base) {
  Tolerances out;
  double coarsest = fine_share;
  for (const LayerRecord& layer : base.layers) {
    Tolerance& tolerance = out.layers.emplace_back();
    if (const TokenTensor* scores = layer.ranking()) {
      tolerance.scores = share(scores->type) * scale(*scores);
      coarsest = std::max(coarsest, share(scores->type));
    }
    if (layer.gates) tolerance.gates = share(layer.gates->type) * scale(*layer.gates);
  }
  double largest = 0.0;
  for (const double x : base.log_probs) {
    if (std::isfinite(x)) largest = std::max(largest, std::abs(x));
  }
  out.log_probs = coarsest * largest;
  return out;
}

/// Takes the noise of one repeat into the tolerances.
void widen(const Difference& difference, Reference& reference) {
  for (std::size_t l = 0; l < difference.layers.size(); ++l) {
    const LayerDifference& layer = difference.layers[l];
    Tolerance& tolerance = reference.tolerances.layers[l];
    tolerance.scores = std::max(tolerance.scores, layer.largest_score);
    tolerance.gates = std::max(tolerance.gates, layer.largest_gate);
    reference.largest_repeat_difference =
        std::max({reference.largest_repeat_difference, layer.largest_score, layer.largest_gate});
    if (layer.flips > 0) reference.stochastic = reference.stochastic_layers[l] = true;
    const double decisions = static_cast<double>(std::max<std::size_t>(1, layer.decisions));
    reference.repeat_flip_rate[l] +=
        static_cast<double>(layer.flips) / decisions / static_cast<double>(reference.repeats.size());
  }
  reference.tolerances.log_probs = std::max(reference.tolerances.log_probs, difference.largest_log_prob);
  reference.largest_repeat_difference =
      std::max(reference.largest_repeat_difference, difference.largest_log_prob);
}

}  // namespace

std::vector<Region> all_rows(const Layout& layout) {
  std::vector<Region> regions;
  for (std::size_t row = 0; row < layout.sequences; ++row) regions.push_back({row, row, layout.positions});
  return regions;
}

Expected<const Reference*> References::of(const Intervention& run) {
  const std::uint32_t id = run.base.value_or(run.id);
  if (const auto found = made_.find(id); found != made_.end()) return &found->second;
  auto base = evidence_.base_of(run);
  if (!base) return tl::unexpected(base.error());
  Reference reference;
  reference.base = std::move(*base);
  for (const Intervention* repeat : evidence_.runs(Intervention::Kind::repeat)) {
    if (repeat->base == id) reference.repeats.push_back(repeat);
  }
  const std::size_t layers = reference.base.layers.size();
  reference.stochastic_layers.assign(layers, false);
  reference.repeat_flip_rate.assign(layers, 0.0);
  reference.tolerances = intrinsic(reference.base);
  // Tolerances must not widen while repeats are still compared with them.
  const Tolerances strict = reference.tolerances;
  for (const Intervention* repeat : reference.repeats) {
    const auto trace = evidence_.trace(*repeat);
    if (!trace) return tl::unexpected(trace.error());
    const auto difference = compare(reference.base, *trace, all_rows(reference.base.layout), strict);
    if (!difference) return tl::unexpected(difference.error());
    widen(*difference, reference);
  }
  return &made_.emplace(id, std::move(reference)).first->second;
}

}  // namespace pastonly::comparison
