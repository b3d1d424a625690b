#include "model/attention.h"

#include <algorithm>
#include <cmath>

#include "kernels/attention_weights.h"
#include "kernels/products.h"
#include "kernels/rows.h"

namespace pastonly::model {
namespace {

constexpr std::size_t query_block = 64;

/// The rows of a query block see the keys before `keys`, each its own past alone.
struct Range {
  std::size_t first;
  std::size_t count;
  std::size_t keys() const noexcept { return first + count; }
};

template <class Body>
void for_query_blocks(std::size_t positions, Body&& body) {
  for (std::size_t first = 0; first < positions; first += query_block) {
    body(Range{first, std::min(query_block, positions - first)});
  }
}

template <class Real>
Real scale_of(const QueryGroup<Real>& head) {
  return Real{1} / std::sqrt(static_cast<Real>(head.keys.columns));
}

template <class Real>
void clear(Block<Real> block) {
  for (std::size_t i = 0; i < block.rows; ++i) std::fill(block.row(i), block.row(i) + block.columns, Real{0});
}

}  // namespace

template <class Real>
std::size_t attention_scratch(std::size_t positions) {
  return 2 * query_block * kernels::padded(positions);
}

template <class Real>
void attention(const QueryGroup<Real>& head, Block<Real> outputs, Real* scratch) {
  const std::size_t width = head.keys.columns;
  const Real scale = scale_of(head);
  for (std::size_t h = 0; h < head.log_sums.columns; ++h) {
    const auto queries = head.queries.column_range(h * width, width);
    for_query_blocks(queries.rows, [&](Range range) {
      const Block<Real> weights(scratch, range.count, range.keys(), kernels::padded(range.keys()));
      kernels::product_nt<Real>(queries.row_range(range.first, range.count),
                                head.keys.row_range(0, range.keys()), weights);
      kernels::attention_weights<Real>(weights, range.first, scale, &head.log_sums(range.first, h),
                                       head.log_sums.stride);
      kernels::product_nn<Real>(weights, head.values.row_range(0, range.keys()),
                                outputs.row_range(range.first, range.count).column_range(h * width, width));
    });
  }
}

template <class Real>
void attention_backward(const QueryGroup<Real>& head, const AttentionGradient<Real>& gradient,
                        Real* scratch) {
  const std::size_t width = head.keys.columns;
  const Real scale = scale_of(head);
  clear(gradient.keys);
  clear(gradient.values);
  for (std::size_t h = 0; h < head.log_sums.columns; ++h) {
    const auto columns = [&](auto block) { return block.column_range(h * width, width); };
    for_query_blocks(head.queries.rows, [&](Range range) {
      const auto queries = columns(head.queries).row_range(range.first, range.count);
      const auto d_outputs = columns(gradient.outputs).row_range(range.first, range.count);
      const auto keys = head.keys.row_range(0, range.keys());
      const std::size_t stride = kernels::padded(range.keys());
      const Block<Real> weights(scratch, range.count, range.keys(), stride);
      const Block<Real> d_scores(scratch + query_block * stride, range.count, range.keys(), stride);
      kernels::product_nt<Real>(queries, keys, weights);
      kernels::product_nt<Real>(d_outputs, head.values.row_range(0, range.keys()), d_scores);
      for (std::size_t i = 0; i < range.count; ++i) {
        const std::size_t position = range.first + i;
        const Real mean = kernels::inner<Real>(d_outputs.row(i), columns(head.outputs).row(position), width);
        kernels::attention_weights_backward<Real>(weights.row(i), d_scores.row(i), position + 1, stride,
                                                  scale, head.log_sums(position, h), mean);
      }
      kernels::product_tn<Real>(weights, d_outputs, gradient.values.row_range(0, range.keys()),
                                kernels::Write::add);
      kernels::product_nn<Real>(d_scores, keys,
                                columns(gradient.queries).row_range(range.first, range.count));
      kernels::product_tn<Real>(d_scores, queries, gradient.keys.row_range(0, range.keys()),
                                kernels::Write::add);
    });
  }
}

#define PASTONLY_ATTENTION(Real)                                              \
  template std::size_t attention_scratch<Real>(std::size_t);                  \
  template void attention<Real>(const QueryGroup<Real>&, Block<Real>, Real*); \
  template void attention_backward<Real>(const QueryGroup<Real>&, const AttentionGradient<Real>&, Real*);
PASTONLY_ATTENTION(float)
PASTONLY_ATTENTION(double)
#undef PASTONLY_ATTENTION

}  // namespace pastonly::model
