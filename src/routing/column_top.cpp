#include "routing/column_top.h"

#include <algorithm>
#include <limits>

#include "routing/order_key.h"

namespace pastonly::routing {

namespace {

/// One cache line of float32 scores: columns are transposed that many at a time.
constexpr std::size_t block = 16;
constexpr unsigned digit_bits = 11;
constexpr std::size_t digits = std::size_t{1} << digit_bits;

}  // namespace

void ColumnTop::transpose(MatrixView<const float> scores, std::size_t first, std::size_t columns,
                          std::span<const std::uint8_t> valid) {
  const std::size_t tokens = scores.rows();
  keys_.resize(block * tokens);
  for (std::size_t token = 0; token < tokens; ++token) {
    const float* row = scores.data() + token * scores.columns() + first;
    for (std::size_t c = 0; c < columns; ++c) keys_[c * tokens + token] = order_key(row[c]);
  }
  if (valid.empty()) return;
  for (std::size_t token = 0; token < tokens; ++token) {
    if (valid[token] != 0) continue;
    for (std::size_t c = 0; c < columns; ++c) keys_[c * tokens + token] = excluded_key;
  }
}

// Requires 1 <= count <= column.size(). Eleven bits at a time, from the top: the bin that holds the
// count-th largest key, then only the keys of that bin.
std::uint32_t ColumnTop::kth_largest(std::span<const std::uint32_t> column, std::size_t count) {
  histogram_.assign(digits, 0);
  for (const auto key : column) ++histogram_[key >> (32 - digit_bits)];
  std::size_t bin = digits - 1;
  while (histogram_[bin] < count) count -= histogram_[bin--];
  candidates_.resize(column.size());
  std::size_t held = 0;
  for (const auto key : column) {
    candidates_[held] = key;
    held += (key >> (32 - digit_bits)) == bin ? 1 : 0;
  }
  candidates_.resize(held);
  const auto at = candidates_.begin() + static_cast<std::ptrdiff_t>(count - 1);
  std::nth_element(candidates_.begin(), at, candidates_.end(), std::greater<>());
  return *at;
}

void ColumnTop::select(MatrixView<const float> scores, std::size_t count, std::span<const std::uint8_t> valid,
                       bool strict, MatrixView<std::uint8_t> chosen) {
  const std::size_t tokens = scores.rows(), experts = scores.columns();
  count = std::min(count, tokens);
  if (count == 0 || scores.empty()) return;
  thresholds_.assign(experts, 0);
  for (std::size_t first = 0; first < experts; first += block) {
    const std::size_t columns = std::min(block, experts - first);
    transpose(scores, first, columns, valid);
    for (std::size_t c = 0; c < columns; ++c) {
      const std::span<const std::uint32_t> column(keys_.data() + c * tokens, tokens);
      const std::uint32_t threshold = kth_largest(column, count);
      thresholds_[first + c] = threshold;
      // Where several tokens share the threshold, the lowest fill what is left above it.
      std::size_t above = 0, equal = 0;
      for (const auto key : column) {
        above += key > threshold ? 1 : 0;
        equal += key == threshold ? 1 : 0;
      }
      if (above + equal == count && !strict && threshold != excluded_key) {
        --thresholds_[first + c];  // all of them: a plain comparison does
      } else if (!strict && threshold != excluded_key) {
        std::size_t left = count - above;
        for (std::size_t token = 0; left > 0; ++token) {
          if (column[token] == threshold) {
            chosen(token, first + c) = 1;
            --left;
          }
        }
      }
    }
  }
  for (std::size_t token = 0; token < tokens; ++token) {
    if (!valid.empty() && valid[token] == 0) continue;
    const float* row = scores.data() + token * experts;
    std::uint8_t* out = chosen.data() + token * experts;
    for (std::size_t expert = 0; expert < experts; ++expert) {
      out[expert] =
          static_cast<std::uint8_t>(out[expert] | (order_key(row[expert]) > thresholds_[expert] ? 1 : 0));
    }
  }
}

}  // namespace pastonly::routing
