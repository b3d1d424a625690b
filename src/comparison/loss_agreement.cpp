#include "comparison/loss_agreement.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "comparison/by_sequence.h"
#include "pastonly/names.h"

namespace pastonly::comparison {
namespace {

/// Log-probabilities are sums of thousands of terms: sixteen roundings of 16-bit types, 0.001 of wider ones.
double tolerance_of(const Trace& first, const Trace& second) {
  constexpr double wide = 1e-3;
  if (first.compute == DType::bf16 || second.compute == DType::bf16) return 16.0 * 0x1p-8;
  const bool half = first.compute == DType::f16 || second.compute == DType::f16;
  return half ? 16.0 * 0x1p-11 : wide;
}

}  // namespace

std::optional<LossAgreement> loss_agreement(const Trace& first, const Trace& second,
                                            const Alignment& alignment, double alpha, std::uint64_t seed) {
  if (first.log_probs.empty() || second.log_probs.empty()) return std::nullopt;
  BySequence distance(first.layout.sequences), change(first.layout.sequences);
  LossAgreement out;
  double worst = -1.0;
  for (const Alignment::Stretch& stretch : alignment.stretches) {
    for (std::size_t s = 0; s < stretch.count; ++s) {
      const double one = first.log_probs[stretch.first + s], other = second.log_probs[stretch.second + s];
      if (!std::isfinite(one) || !std::isfinite(other)) {
        // A row's first token follows nothing, and its number may be absent; others are told by both or by
        // none.
        const bool first_of_row = (stretch.first + s) % first.layout.positions == 0 ||
                                  (stretch.second + s) % second.layout.positions == 0 || s == 0;
        out.not_finite += !first_of_row ? 1 : 0;
        continue;
      }
      const std::size_t sequence = (stretch.first + s) / first.layout.positions;
      distance.add(sequence, std::abs(one - other), 1.0);
      change.add(sequence, (one - other) / std::numbers::ln2, 1.0);
      if (std::abs(one - other) <= worst) continue;
      worst = std::abs(one - other);
      out.first = stretch.first + s;
      out.second = stretch.second + s;
    }
  }
  if (worst < 0.0 && out.not_finite == 0) return std::nullopt;
  out.distance =
      distance.measurement(measurement::log_prob_distance, "nats per token", std::nullopt, alpha, seed);
  out.change =
      change.measurement(measurement::compared_loss_change, "bits per token", std::nullopt, alpha, seed);
  out.tolerance = tolerance_of(first, second);
  return out;
}

}  // namespace pastonly::comparison
