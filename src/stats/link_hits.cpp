#include "stats/link_hits.h"

#include <algorithm>
#include <cmath>

#include "kernels/products.h"
#include "stats/cholesky.h"
#include "stats/halves.h"

namespace pastonly::stats {
namespace {

constexpr std::size_t most_fitted = 8192;  // units of a half
constexpr double ridge = 1e-3;             // of the features' mean square
constexpr std::size_t rows_at_once = 512;

std::vector<std::size_t> members(const Halves& halves, std::uint8_t half) {
  std::vector<std::size_t> units;
  for (std::size_t unit = 0; unit < halves.half.size(); ++unit) {
    if (halves.half[unit] == half) units.push_back(unit);
  }
  return units;
}

std::vector<std::size_t> ranks_of(const ValueSets& sets, std::span<const std::size_t> units) {
  std::vector<std::size_t> counts(sets.count, 0);
  for (const std::size_t unit : units) {
    for (const std::uint32_t value : sets.of(unit)) ++counts[value];
  }
  return popularity(counts);
}

/// How often each second value goes with each first one: (first, second), each row over the first's count.
class Table {
 public:
  Table(const Links& links, std::span<const std::size_t> units)
      : columns_(links.to.count), share_(links.from.count * links.to.count, 0.0) {
    std::vector<double> seen(links.from.count, 0.0);
    for (const std::size_t unit : units) {
      for (const std::uint32_t i : links.from.of(unit)) {
        seen[i] += 1.0;
        for (const std::uint32_t j : links.to.of(unit)) share_[i * columns_ + j] += 1.0;
      }
    }
    for (std::size_t i = 0; i < seen.size(); ++i) {
      for (std::size_t j = 0; j < columns_ && seen[i] > 0.0; ++j) share_[i * columns_ + j] /= seen[i];
    }
  }
  void score(std::span<const std::uint32_t> first, std::vector<double>& scores) const {
    std::ranges::fill(scores, 0.0);
    for (const std::uint32_t i : first) {
      for (std::size_t j = 0; j < columns_; ++j) scores[j] += share_[i * columns_ + j];
    }
  }

 private:
  std::size_t columns_;
  std::vector<double> share_;
};

/// Features to second values, by least squares with a ridge.
class LinearMap {
 public:
  LinearMap(const Links& links, std::span<const std::size_t> units)
      : features_(links.features.columns()), outputs_(links.to.count), mean_(features_, 0.0) {
    if (features_ == 0 || units.empty()) return;
    std::vector<std::size_t> used;
    const std::size_t every = (units.size() + most_fitted - 1) / most_fitted;
    for (std::size_t i = 0; i < units.size(); i += every) used.push_back(units[i]);
    centre(links, used);
    std::vector<double> gram(features_ * features_, 0.0), right(features_ * outputs_, 0.0);
    sum_products(links, used, gram, right);
    solve(std::move(gram), right);
  }
  bool exists() const { return !weights_.empty(); }
  void score(std::span<const float> features, std::vector<double>& scores) const {
    std::ranges::copy(constant_, scores.begin());
    for (std::size_t f = 0; f < features_; ++f) {
      const double x = static_cast<double>(features[f]) - mean_[f];
      for (std::size_t j = 0; j < outputs_; ++j) scores[j] += x * weights_[f * outputs_ + j];
    }
  }

 private:
  void centre(const Links& links, const std::vector<std::size_t>& units) {
    constant_.assign(outputs_, 0.0);
    const double each = 1.0 / static_cast<double>(units.size());
    for (const std::size_t unit : units) {
      for (std::size_t f = 0; f < features_; ++f) mean_[f] += static_cast<double>(links.features(unit, f));
      for (const std::uint32_t j : links.to.of(unit)) constant_[j] += each;
    }
    for (double& mean : mean_) mean *= each;
  }
  void sum_products(const Links& links, const std::vector<std::size_t>& units, std::vector<double>& gram,
                    std::vector<double>& right) const {
    std::vector<double> x, y;
    for (std::size_t first = 0; first < units.size(); first += rows_at_once) {
      const std::size_t rows = std::min(rows_at_once, units.size() - first);
      x.assign(rows * features_, 0.0);
      y.assign(rows * outputs_, 0.0);
      for (std::size_t r = 0; r < rows; ++r) {
        const std::size_t unit = units[first + r];
        for (std::size_t f = 0; f < features_; ++f)
          x[r * features_ + f] = static_cast<double>(links.features(unit, f)) - mean_[f];
        for (std::size_t j = 0; j < outputs_; ++j) y[r * outputs_ + j] = -constant_[j];
        for (const std::uint32_t j : links.to.of(unit)) y[r * outputs_ + j] += 1.0;
      }
      const kernels::Block<const double> xs{x.data(), rows, features_};
      const kernels::Block<const double> ys{y.data(), rows, outputs_};
      kernels::product_tn<double>(xs, xs, {gram.data(), features_, features_}, kernels::Write::add);
      kernels::product_tn<double>(xs, ys, {right.data(), features_, outputs_}, kernels::Write::add);
    }
  }
  void solve(std::vector<double> gram, const std::vector<double>& right) {
    double squares = 0.0;
    for (std::size_t f = 0; f < features_; ++f) squares += gram[f * features_ + f];
    if (!(squares > 0.0)) return;
    for (std::size_t f = 0; f < features_; ++f)
      gram[f * features_ + f] += ridge * squares / static_cast<double>(features_);
    if (!cholesky(gram, features_)) return;
    weights_.resize(features_ * outputs_);
    std::vector<double> column(features_);
    for (std::size_t j = 0; j < outputs_; ++j) {
      for (std::size_t f = 0; f < features_; ++f) column[f] = right[f * outputs_ + j];
      solve_cholesky(gram, column);
      for (std::size_t f = 0; f < features_; ++f) weights_[f * outputs_ + j] = column[f];
    }
  }

  std::size_t features_, outputs_;
  std::vector<double> mean_;      // (features)
  std::vector<double> constant_;  // (outputs)
  std::vector<double> weights_;   // (features, outputs)
};

/// Adds, of the values, those that are among the best `budget` times as many.
void add_hits(std::span<const std::uint32_t> values, const std::vector<double>& scores,
              const std::vector<std::size_t>& popular, LinkHits::Named& named) {
  for (const std::uint32_t value : values) {
    std::size_t better = 0;
    for (std::size_t j = 0; j < scores.size(); ++j) {
      const bool before =
          scores[j] > scores[value] || (scores[j] == scores[value] && popular[j] < popular[value]);
      better += before ? 1 : 0;
    }
    for (std::size_t b = 0; b < LinkHits::budgets; ++b)
      named[b] += better < (b + 1) * values.size() ? 1.0 : 0.0;
  }
}

}  // namespace

std::vector<LinkHits> link_hits(const Links& links) {
  std::vector<LinkHits> out(links.groups.empty() ? 0 : links.groups.size() - 1);
  const Halves halves(links.groups);
  std::vector<double> scores(links.to.count);
  for (const std::uint8_t learned : {std::uint8_t{0}, std::uint8_t{1}}) {
    const auto from = members(halves, learned), to = members(halves, learned == 0 ? 1 : 0);
    const auto popular = ranks_of(links.to, from);
    const std::vector<double> alike(links.to.count, 0.0);
    const Table table(links, from);
    const LinearMap map(links, from);
    for (const std::size_t unit : to) {
      const auto values = links.to.of(unit);
      LinkHits& hits = out[halves.group[unit]];
      hits.values += static_cast<double>(values.size());
      add_hits(values, alike, popular, hits.popular);
      table.score(links.from.of(unit), scores);
      add_hits(values, scores, popular, hits.table);
      if (!map.exists()) continue;
      map.score(links.features.row(unit), scores);
      add_hits(values, scores, popular, hits.linear);
    }
  }
  return out;
}

}  // namespace pastonly::stats
