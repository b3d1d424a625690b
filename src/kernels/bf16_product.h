#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/block.h"
#include "kernels/buffer.h"
#include "kernels/products.h"

namespace pastonly::kernels {

/// Whether bf16_product runs on the processor's own products of bfloat16 (AVX512_BF16, under the target
/// avx512). With them its results have other bits than without.
bool has_bf16_products() noexcept;

/// Rows of float rounded to bfloat16 (to nearest, ties to even; NaN stays).
class Bf16Rows {
 public:
  void resize(std::size_t rows, std::size_t columns);
  /// Different rows may be set at the same time.
  void set(std::size_t row, const float* values);
  /// (rows, columns / 2) two numbers a word, columns rounded up to a multiple of 2 with zeros.
  Block<const std::uint32_t> words() const noexcept { return words_.block(); }
  /// (rows, columns) the same as floats, where there are no products of bfloat16.
  Block<const float> floats() const noexcept { return floats_.block(); }

 private:
  bool as_words_ = false;
  std::size_t columns_ = 0;
  Matrix<std::uint32_t> words_;
  Matrix<float> floats_;
};

/// c (m, n) = a (m, k) b (n, k)^T, a being rows [first_row, first_row + m); k is even. Sums are float32.
/// Where the processor multiplies bfloat16: products of pairs in ascending k, as its instruction adds and
/// rounds them (VDPBF16PS, which takes numbers below the smallest normal one for 0), restarted and added
/// every 512. Else as product_nt. A row of c depends on its own row of a alone, to the last bit.
void bf16_product(const Bf16Rows& a, std::size_t first_row, const Bf16Block& b, Block<float> c);

}  // namespace pastonly::kernels
