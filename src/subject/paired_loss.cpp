#include "subject/paired_loss.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>
#include <vector>

#include "stats/bootstrap.h"

namespace pastonly {

std::optional<double> loss_bits(const Trace& trace) {
  double sum = 0.0;
  std::size_t count = 0;
  for (std::size_t t = 0; t < trace.log_probs.size(); ++t) {
    if (!std::isfinite(trace.log_probs[t]) || (!trace.valid.empty() && !trace.valid[t])) continue;
    sum -= trace.log_probs[t];
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count) / std::numbers::ln2;
}

std::optional<Measurement> paired_loss(std::string name, const Trace& base, std::span<const Trace> runs,
                                       double alpha, std::uint64_t seed) {
  const Layout& layout = base.layout;
  std::vector<double> sums(layout.sequences, 0.0), weights(layout.sequences, 0.0);
  for (const Trace& run : runs) {
    if (base.log_probs.empty() || run.log_probs.empty() || run.layout != layout) return std::nullopt;
    for (std::size_t row = 0; row < layout.sequences; ++row) {
      for (std::size_t s = 0; s < layout.positions; ++s) {
        const std::size_t t = layout.token(row, s);
        const double difference = (base.log_probs[t] - run.log_probs[t]) / std::numbers::ln2;
        if (!std::isfinite(difference) || (!base.valid.empty() && !base.valid[t])) continue;
        sums[row] += difference;
        weights[row] += 1.0;
      }
    }
  }
  const double weight = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (!(weight > 0.0)) return std::nullopt;
  Measurement out;
  out.name = std::move(name);
  out.value = std::accumulate(sums.begin(), sums.end(), 0.0) / weight;
  out.unit = "bits per token";
  out.samples = static_cast<std::uint64_t>(weight);
  stats::BootstrapOptions options;
  options.alpha = alpha;
  options.seed = seed;
  if (const auto interval = stats::bootstrap_ratio(sums, weights, options)) {
    out.lower = interval->lower;
    out.upper = interval->upper;
  }
  return out;
}

}  // namespace pastonly
