#pragma once

#include <cstdint>
#include <vector>

#include "kernels/block.h"
#include "kernels/buffer.h"
#include "pastonly/matrix_view.h"
#include "pastonly/routing_rule.h"
#include "runtime/batch.h"

namespace pastonly::runtime {

/// What selection keeps between calls: no allocation while shapes stay the same.
struct SelectionScratch {
  kernels::Matrix<float> scores;     // (tokens, experts) router order
  std::vector<std::int64_t> tokens;  // router order
  std::vector<std::uint8_t> valid;   // router order
  Routing routed;                    // router order
};

/// Scores as rules take them: the block itself where it is dense float, else rounded into the scratch.
template <class Real>
MatrixView<const float> as_floats(kernels::Block<const Real> scores, SelectionScratch& scratch);

/// Applies a rule to scores (tokens, experts), batch-major; the rule sees them in the layout's router
/// order, rounded to float. `out` is batch-major.
template <class Real>
void select(const RoutingRule& rule, kernels::Block<const Real> scores, const Batch& batch,
            std::uint64_t seed, SelectionScratch& scratch, Routing& out);

/// The bias that a rule adds to scores before it selects, (experts); zeros where it has none.
std::vector<float> selection_bias(const RoutingRule& rule, std::size_t experts);

}  // namespace pastonly::runtime
