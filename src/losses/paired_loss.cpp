#include "losses/paired_loss.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <numeric>
#include <utility>
#include <vector>

#include "stats/bootstrap.h"

namespace pastonly::losses {

bool PairedLoss::add(const Trace& base, std::span<const Trace> runs) {
  const Layout& layout = base.layout;
  for (const Trace& run : runs) {
    if (base.log_probs.empty() || run.log_probs.empty() || run.layout != layout) return false;
  }
  for (std::size_t row = 0; row < layout.sequences && !runs.empty(); ++row) {
    double was = 0.0, is = 0.0, count = 0.0;
    for (const Trace& run : runs) {
      for (std::size_t s = 0; s < layout.positions; ++s) {
        const std::size_t t = layout.token(row, s);
        if (!std::isfinite(base.log_probs[t] - run.log_probs[t])) continue;
        if (!base.is_valid(t)) continue;
        was -= base.log_probs[t] / std::numbers::ln2;
        is -= run.log_probs[t] / std::numbers::ln2;
        count += 1.0;
      }
    }
    base_.push_back(was);
    runs_.push_back(is);
    tokens_.push_back(count);
  }
  return !runs.empty();
}

bool PairedLoss::empty() const noexcept {
  return std::none_of(tokens_.begin(), tokens_.end(), [](double count) { return count > 0.0; });
}

namespace {

Measurement mean_bits(std::string name, std::span<const double> sums, std::span<const double> tokens,
                      double alpha, std::uint64_t seed) {
  const double weight = std::accumulate(tokens.begin(), tokens.end(), 0.0);
  Measurement out;
  out.name = std::move(name);
  out.value = std::accumulate(sums.begin(), sums.end(), 0.0) / weight;
  out.unit = "bits per token";
  out.samples = static_cast<std::uint64_t>(weight);
  stats::BootstrapOptions options;
  options.alpha = alpha;
  options.seed = seed;
  if (const auto interval = stats::bootstrap_ratio(sums, tokens, options)) {
    out.lower = interval->lower;
    out.upper = interval->upper;
  }
  return out;
}

}  // namespace

Measurement PairedLoss::difference(std::string name, double alpha, std::uint64_t seed) const {
  std::vector<double> sums(runs_.size());
  std::transform(runs_.begin(), runs_.end(), base_.begin(), sums.begin(), std::minus<>());
  return mean_bits(std::move(name), sums, tokens_, alpha, seed);
}

Measurement PairedLoss::base(std::string name, double alpha, std::uint64_t seed) const {
  return mean_bits(std::move(name), base_, tokens_, alpha, seed);
}

Measurement PairedLoss::runs(std::string name, double alpha, std::uint64_t seed) const {
  return mean_bits(std::move(name), runs_, tokens_, alpha, seed);
}

std::optional<Measurement> paired_loss(std::string name, const Trace& base, std::span<const Trace> runs,
                                       double alpha, std::uint64_t seed) {
  PairedLoss pairs;
  if (!pairs.add(base, runs) || pairs.empty()) return std::nullopt;
  return pairs.difference(std::move(name), alpha, seed);
}

std::string with_interval(const Measurement& figure) {
  if (!figure.lower || !figure.upper) return fmt::format("{:.3f}", figure.value);
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", figure.value, *figure.lower, *figure.upper);
}

}  // namespace pastonly::losses
