#include <algorithm>
#include <cmath>

#include "checkpoint/attention.h"
#include "kernels/elementary.h"
#include "kernels/products.h"
#include "kernels/rows.h"

namespace pastonly::checkpoint {
namespace {

/// The first key that a query sees.
std::size_t first_key(const AttentionHead& head, std::size_t query) {
  std::size_t first = 0;
  if (head.window > 0 && query + 1 > head.window) first = query + 1 - head.window;
  if (head.chunk > 0) first = std::max(first, query / head.chunk * head.chunk);
  return first;
}

/// Padding gets a score that no softmax gives weight to beside any other.
void hide_padding(float* row, const std::uint8_t* valid, std::size_t size) {
  constexpr float out_of_sight = -1e30F;
  for (std::size_t i = 0; i < size; ++i) row[i] = valid[i] != 0 ? row[i] : out_of_sight;
}

/// Scores of the keys that a query sees become weights.
void soften(float* row, std::size_t size, const AttentionHead& head) {
  kernels::scale(row, size, head.scale);
  float top = kernels::largest(row, size);
  if (head.sink != nullptr) top = std::max(top, *head.sink);
  float sum = kernels::exponentials(row, size, top, row);
  if (head.sink != nullptr) sum += kernels::exp(*head.sink - top);
  kernels::scale(row, size, 1.0F / sum);
}

}  // namespace

void attend(const AttentionHead& head, std::size_t first, std::size_t count,
            kernels::Buffer<float>& scratch) {
  // Keys before the block's earliest are left out in whole blocks: a block's sums always begin at one.
  const std::size_t from = first_key(head, first) / attention_block * attention_block;
  const std::size_t keys = first + count - from;
  scratch.resize(attention_block * (keys + attention_block));
  const kernels::Block<float> weights(scratch.data(), count, keys);
  kernels::product_nt<float>(head.queries.row_range(first, count), head.keys.row_range(from, keys), weights);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t query = first + i, lowest = first_key(head, query) - from;
    const std::size_t end = query + 1 - from;
    float* row = weights.row(i);
    if (head.valid != nullptr) hide_padding(row + lowest, head.valid + from + lowest, end - lowest);
    soften(row + lowest, end - lowest, head);
    std::fill(row, row + lowest, 0.0F);
    std::fill(row + end, row + keys, 0.0F);
  }
  kernels::product_nn<float>(weights, head.values.row_range(from, keys), head.out.row_range(first, count));
}

}  // namespace pastonly::checkpoint
