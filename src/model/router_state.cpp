#include "model/router_state.h"

#include <cmath>

#include "routing/rule_ids.h"
#include "stats/random.h"

namespace pastonly::model {
template <class Real>
void learn(RoutingRule& rule, Block<const Real> scores, const Mask& mask, SelectionScratch& scratch) {
  rule.learn(runtime::as_floats(scores, scratch), mask);
}

Expected<std::unique_ptr<RoutingRule>> make_layer_rule(const RouterConfig& config,
                                                       const Parameters& parameters) {
  if (config.score != Score::noisy || config.rule.id != routing::ids::noisy_top_k)
    return make_rule(config.rule.id, parameters);
  Parameters own = parameters;
  std::erase_if(own, [](const auto& entry) { return entry.first == "noise"; });
  return make_rule(routing::ids::top_k, own);
}

Centroids::Centroids(std::size_t experts, std::size_t width, std::uint64_t seed, std::uint64_t stream)
    : experts_(experts), width_(width), values_(experts * width) {
  stats::CounterRng random(seed, stream);
  for (double& value : values_) value = random.normal() / std::sqrt(static_cast<double>(width));
}

template <class Real>
void Centroids::learn(Block<const Real> x, const Mask& mask, double rate) {
  std::vector<double> sums(values_.size(), 0.0);  // (experts, width)
  std::vector<std::size_t> counts(experts_, 0);
  for (std::size_t t = 0; t < x.rows; ++t) {
    double square = 0.0;
    for (std::size_t j = 0; j < width_; ++j)
      square += static_cast<double>(x(t, j)) * static_cast<double>(x(t, j));
    if (!(square > 0.0)) continue;
    for (std::size_t e = 0; e < experts_; ++e) {
      if (mask(t, e) == 0) continue;
      ++counts[e];
      for (std::size_t j = 0; j < width_; ++j)
        sums[e * width_ + j] += static_cast<double>(x(t, j)) / std::sqrt(square);
    }
  }
  for (std::size_t e = 0; e < experts_; ++e) {
    if (counts[e] == 0) continue;
    for (std::size_t j = 0; j < width_; ++j) {
      double& value = values_[e * width_ + j];
      value += rate * (sums[e * width_ + j] / static_cast<double>(counts[e]) - value);
    }
  }
}

template <class Real>
void Centroids::directions(Matrix<Real>& out) const {
  out.resize(experts_, width_);
  for (std::size_t e = 0; e < experts_; ++e) {
    double square = 0.0;
    for (std::size_t j = 0; j < width_; ++j) square += values_[e * width_ + j] * values_[e * width_ + j];
    const double inverse = square > 0.0 ? 1.0 / std::sqrt(square) : 0.0;
    for (std::size_t j = 0; j < width_; ++j)
      out.row(e)[j] = static_cast<Real>(values_[e * width_ + j] * inverse);
  }
}

#define PASTONLY_SELECTION(Real)                                                              \
  template void learn<Real>(RoutingRule&, Block<const Real>, const Mask&, SelectionScratch&); \
  template void Centroids::learn<Real>(Block<const Real>, const Mask&, double);               \
  template void Centroids::directions<Real>(Matrix<Real>&) const;
PASTONLY_SELECTION(float)
PASTONLY_SELECTION(double)
#undef PASTONLY_SELECTION

}  // namespace pastonly::model
