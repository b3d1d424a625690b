#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/block.h"
#include "kernels/buffer.h"

namespace pastonly::checkpoint {

/// Whether this program was built for a processor that multiplies bfloat16.
bool has_bf16_products() noexcept;

/// Rows of float rounded to bfloat16 (to nearest, ties to even; NaN stays), `columns` rounded up to a
/// multiple of 2 with zeros.
class Bf16Rows {
 public:
  void resize(std::size_t rows, std::size_t columns);
  /// Different rows may be set at the same time.
  void set(std::size_t row, const float* values);
  const std::uint32_t* row(std::size_t index) const noexcept { return words_.data() + index * stride_; }
  std::size_t stride() const noexcept { return stride_; }

 private:
  std::size_t columns_ = 0;
  std::size_t stride_ = 0;
  kernels::Buffer<std::uint32_t> words_;  // (rows, columns / 2) two numbers a word
};

/// c (m, n) = a (m, k) b (n, k)^T, a being rows [first_row, first_row + m) and b bfloat16 as it stands in a
/// file: `line` numbers from one row to the next, at any address; k is even. Products of pairs are summed in
/// float32 in ascending k (restarted and added every 512): a row of c hangs on its own row of a alone, to the
/// last bit. Requires has_bf16_products().
void bf16_product(const Bf16Rows& a, std::size_t first_row, const std::byte* b, std::size_t line,
                  std::size_t k, kernels::Block<float> c);

}  // namespace pastonly::checkpoint
