#pragma once

#include <cstddef>
#include <cstdint>

namespace pastonly::kernels {

/// What the bits of numbers tell.
struct ScoreBits {
  std::uint32_t largest = 0;  ///< magnitude, as bits: they order like the numbers, NaN above infinity
  bool negative = false;      ///< whether some sign is set
};
ScoreBits score_bits(const float* values, std::size_t count);

/// Adds a row to the sums of its columns, (columns). Returns its own sum: sixteen partial sums in float,
/// which are enough for a sixteenth of a row, added by halves in double.
double add_score_row(const float* row, std::size_t columns, float* column_sums);

/// Half the sum of |p - q|, where p and q are two rows, each divided by its sum: sixteen partial sums in
/// double. NaN where a row is no shares: an element is negative or not finite, or all are zero.
double total_variation(const float* first, const float* second, std::size_t columns);

}  // namespace pastonly::kernels
