#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "evidence/observations.h"
#include "losses/paired_loss.h"
#include "losses/variant_losses.h"
#include "pastonly/error.h"
#include "stats/distributions.h"

namespace pastonly::audits {

inline constexpr std::string_view own_rule = "its own rule";

/// The largest drop that the candidates left behind may still have: each one's mean over its batches and a
/// margin at level alpha over all of them, from a spread that all share, for some were given one batch only.
class LeftBehind {
 public:
  void add(const std::vector<double>& drops) {
    if (drops.empty()) return;
    const double mean = std::accumulate(drops.begin(), drops.end(), 0.0) / static_cast<double>(drops.size());
    for (const double drop : drops) squares_ += (drop - mean) * (drop - mean);
    freedom_ += static_cast<double>(drops.size() - 1);
    means_.emplace_back(mean, static_cast<double>(drops.size()));
  }
  /// nullopt where no candidate was given two batches.
  std::optional<double> limit(double alpha) const {
    if (means_.empty()) return -std::numeric_limits<double>::infinity();
    if (freedom_ < 1.0) return std::nullopt;
    const double spread = std::sqrt(squares_ / freedom_);
    const double margin = stats::students_t_quantile(alpha / static_cast<double>(means_.size()), freedom_);
    double largest = -std::numeric_limits<double>::infinity();
    for (const auto& [mean, batches] : means_)
      largest = std::max(largest, mean + margin * spread / std::sqrt(batches));
    return largest;
  }

 private:
  double squares_ = 0.0, freedom_ = 0.0;
  std::vector<std::pair<double, double>> means_;  // and batches
};

/// A way of routing on trial and its losses so far, in bits per token by batch.
struct Candidate {
  losses::RoutingVariant routed;
  std::vector<double> losses = {};  // (batches)

  std::string name() const { return routed.rule.empty() ? std::string(own_rule) : routed.rule; }
  double loss() const {
    const double sum = std::accumulate(losses.begin(), losses.end(), 0.0);
    return std::isfinite(sum) ? sum / static_cast<double>(losses.size())
                              : std::numeric_limits<double>::infinity();
  }
  /// Mean bits per token less than another on the same batches; those of `other` go on from these.
  double below(const Candidate& other) const {
    const double sum = std::inner_product(losses.begin(), losses.end(), other.losses.begin(), 0.0,
                                          std::plus<>{}, [](double own, double its) { return its - own; });
    return sum / static_cast<double>(losses.size());
  }

  /// The same, batch by batch.
  std::vector<double> drops_below(const Candidate& other) const {
    std::vector<double> out;
    for (std::size_t i = 0; i < losses.size(); ++i) out.push_back(other.losses[i] - losses[i]);
    return out;
  }

  Expected<void> run(evidence::Observations& observations, std::size_t first, std::size_t count) {
    const auto traces = losses::fresh_runs(observations, routed, first, count);
    if (!traces) return tl::unexpected(traces.error());
    for (const Trace& trace : *traces) losses.push_back(losses::mean_loss({&trace, 1}));
    return {};
  }
};

/// Successive halving (Karnin, Koren and Somekh 2013): every round runs those left on new batches and drops
/// the half that lost most so far. A round takes about so many runs, or one for each; the reference runs on
/// every batch as well.
struct Halving {
  std::size_t runs = 0, batches = 0;

  static std::size_t batches_each(std::size_t alive, std::size_t round) {
    return std::max<std::size_t>(1, round / alive);
  }
  static std::size_t left(std::size_t alive) { return (alive + 1) / 2; }

  Halving(std::size_t candidates, std::size_t round) {
    for (std::size_t alive = candidates; alive > 1; alive = left(alive)) {
      runs += (alive + 1) * batches_each(alive, round);
      batches += batches_each(alive, round);
    }
  }
};

}  // namespace pastonly::audits
