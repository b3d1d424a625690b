#pragma once

#include <cstddef>

#include "kernels/block.h"

namespace pastonly::kernels {

/// Dense products of row-major blocks. Every element of C is one chain of fused multiply-adds in
/// ascending k, restarted and added every 256 k, whatever the shapes and the target: a row of C depends on
/// its own row of A and on B alone, to the last bit, not on how many other rows there are. The error against
/// the exact result is at most (255 + k / 256) / 2 ulp of sum_k |a_ik b_kj|, and a few ulp as a rule. Serial;
/// callers parallelise over rows or experts. Blocks must not overlap. No allocation.
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

/// A matrix of bfloat16 as it stands in a file, at any address.
struct Bf16Block {
  const std::byte* data = nullptr;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::size_t stride = 0;  ///< numbers from one row to the next

  const std::byte* at(std::size_t row, std::size_t column) const noexcept {
    return data + (row * stride + column) * 2;
  }
};

/// product_nt over weights of bfloat16, which are floats: the same bits as after their conversion.
void product_nt(Block<const float> a, const Bf16Block& b, Block<float> c);

}  // namespace pastonly::kernels
