#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/block.h"
#include "model/config.h"
#include "pastonly/routing_rule.h"
#include "runtime/dispatch.h"

namespace pastonly::model {

using kernels::Block;
using runtime::Dispatch;

/// Combine weights of one layer: a function of scores and masks alone. The selection bias never enters.
template <class Real>
class Gates {
 public:
  /// Weights of all kept routes. `scores` (tokens, experts), `routing` batch-major.
  void compute(const RouterConfig& config, Block<const Real> scores, const Routing& routing,
               const Dispatch& dispatch);
  /// Weights of 1.
  void set_ones(std::size_t routes) { values_.assign(routes, Real{1}); }
  /// One per route.
  std::span<const Real> values() const noexcept { return values_; }
  const Real* data() const noexcept { return values_.data(); }

  /// To be called once per backward pass, before backward_token: gradients (routes) of the values.
  void prepare_backward(const RouterConfig& config, const Dispatch& dispatch,
                        std::span<const Real> gradients);
  /// Overwrites the token's row of score gradients (experts).
  void backward_token(const RouterConfig& config, std::size_t token, Block<const Real> scores,
                      const Routing& routing, const Dispatch& dispatch, std::span<const Real> gradients,
                      std::span<Real> score_gradient) const;

 private:
  std::vector<Real> values_;           // (routes)
  std::vector<Real> column_sums_;      // (experts) column_normalised: sums of kept scores
  std::vector<Real> column_products_;  // (experts) column_normalised: sums of gradient * value
};

}  // namespace pastonly::model
