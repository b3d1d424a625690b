#pragma once

#include "kernels/block.h"

namespace pastonly::model {

using kernels::Block;

/// Dense products of row-major blocks. Every element of C is one chain of fused multiply-adds in
/// ascending k (restarted and added every 256 k), whatever the shapes: a row of C depends on its own
/// row of A and on B alone, to the last bit, not on how many other rows there are. Serial; callers
/// parallelise over rows or experts. Blocks must not overlap. No allocation.
enum class Write { overwrite, add };

/// C (m, n) = A (m, k) B (n, k)^T: a linear layer with weights (outputs, inputs).
template <class Real>
void product_nt(Block<const Real> a, Block<const Real> b, Block<Real> c, Write write = Write::overwrite);
/// C (m, n) = A (m, k) B (k, n): the gradient of a linear layer's input.
template <class Real>
void product_nn(Block<const Real> a, Block<const Real> b, Block<Real> c, Write write = Write::overwrite);
/// C (m, n) = A (k, m)^T B (k, n): the gradient of its weights.
template <class Real>
void product_tn(Block<const Real> a, Block<const Real> b, Block<Real> c, Write write = Write::overwrite);

}  // namespace pastonly::model
