#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/block.h"
#include "kernels/buffer.h"
#include "model/config.h"
#include "pastonly/routing_rule.h"
#include "runtime/selection.h"

namespace pastonly::model {

using kernels::Block;
using kernels::Matrix;
using runtime::SelectionScratch;

/// Lets the rule's state follow what was routed (batch-major).
template <class Real>
void learn(RoutingRule& rule, Block<const Real> scores, const Mask& mask, SelectionScratch& scratch);

/// The rule a layer selects with. With noisy scores, noisy-top-k is a top-k of scores that carry the router's
/// trained noise already; its own constant noise stays out.
Expected<std::unique_ptr<RoutingRule>> make_layer_rule(const RouterConfig& config,
                                                       const Parameters& parameters);

/// Running means of the directions of the tokens that each expert received.
class Centroids {
 public:
  Centroids() = default;
  /// Random directions.
  Centroids(std::size_t experts, std::size_t width, std::uint64_t seed, std::uint64_t stream);

  /// c_i += rate (mean of x / |x| over the tokens routed to i - c_i); untouched where there is none.
  template <class Real>
  void learn(Block<const Real> x, const Mask& mask, double rate);
  /// Of length 1, (experts, width).
  template <class Real>
  void directions(Matrix<Real>& out) const;

  std::size_t experts() const noexcept { return experts_; }
  std::vector<double>& values() noexcept { return values_; }
  const std::vector<double>& values() const noexcept { return values_; }

 private:
  std::size_t experts_ = 0;
  std::size_t width_ = 0;
  std::vector<double> values_;  // (experts, width)
};

}  // namespace pastonly::model
