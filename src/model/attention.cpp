#include "model/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/lanes.h"
#include "model/products.h"

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
Real scale_of(const AttentionHead<Real>& head) {
  return Real{1} / std::sqrt(static_cast<Real>(head.keys.columns));
}

/// Columns of a row of weights: whole vectors, so that every row starts on a vector's border.
template <class Real>
std::size_t padded(std::size_t keys) {
  constexpr std::size_t lanes = Lanes<Real>::count;
  return (keys + lanes - 1) / lanes * lanes;
}

/// `values` in the lanes of columns at, at + 1, ... that come before `seen`, `rest` in the others.
template <class Real>
Vector<Real> before(std::size_t at, std::size_t seen, Vector<Real> values, Real rest) {
  if (at + Lanes<Real>::count <= seen) return values;
  return only<Real>(values, Part{seen > at ? seen - at : 0}, rest);
}

/// A row of scores becomes weights, 0 from `seen` on; returns the log-sum of the scaled scores.
template <class Real>
Real softmax(Real* row, std::size_t seen, std::size_t columns, Real scale) {
  constexpr std::size_t step = Lanes<Real>::count;
  constexpr Real lowest = std::numeric_limits<Real>::lowest();
  Vector<Real> most = spread(lowest);
  for (std::size_t at = 0; at < seen; at += step) {
    const Vector<Real> here = before<Real>(at, seen, load(row + at), lowest);
    most = here > most ? here : most;
  }
  const Real top = largest<Real>(most);
  Vector<Real> total{};
  for (std::size_t at = 0; at < seen; at += step) {
    const Vector<Real> weight = before<Real>(at, seen, exponential((load(row + at) - top) * scale), Real{0});
    store(row + at, weight);
    total += weight;
  }
  const Real whole = sum<Real>(total);
  const Real inverse = Real{1} / whole;
  for (std::size_t at = 0; at < columns; at += step)
    store(row + at, at < seen ? load(row + at) * inverse : Vector<Real>{});
  return top * scale + std::log(whole);
}

/// The weights again from their log-sum, and d_scores from what it says of the weights.
template <class Real>
void softmax_backward(Real* row, Real* d_row, std::size_t seen, std::size_t columns, Real scale, Real log_sum,
                      Real mean) {
  for (std::size_t at = 0; at < columns; at += Lanes<Real>::count) {
    Vector<Real> weight{}, slope{};
    if (at < seen) {
      weight = before<Real>(at, seen, exponential(load(row + at) * scale - log_sum), Real{0});
      slope = before<Real>(at, seen, weight * (load(d_row + at) - mean) * scale, Real{0});
    }
    store(row + at, weight);
    store(d_row + at, slope);
  }
}

template <class Real>
void clear(Block<Real> block) {
  for (std::size_t i = 0; i < block.rows; ++i) std::fill(block.row(i), block.row(i) + block.columns, Real{0});
}

}  // namespace

template <class Real>
std::size_t attention_scratch(std::size_t positions) {
  return 2 * query_block * padded<Real>(positions);
}

template <class Real>
void attention(const AttentionHead<Real>& head, Block<Real> outputs, Real* scratch) {
  const std::size_t width = head.keys.columns;
  const Real scale = scale_of(head);
  for (std::size_t h = 0; h < head.log_sums.columns; ++h) {
    const auto queries = head.queries.column_range(h * width, width);
    for_query_blocks(queries.rows, [&](Range range) {
      const Block<Real> weights(scratch, range.count, range.keys(), padded<Real>(range.keys()));
      product_nt<Real>(queries.row_range(range.first, range.count), head.keys.row_range(0, range.keys()),
                       weights);
      for (std::size_t i = 0; i < range.count; ++i) {
        head.log_sums(range.first + i, h) =
            softmax<Real>(weights.row(i), range.first + i + 1, weights.stride, scale);
      }
      product_nn<Real>(weights, head.values.row_range(0, range.keys()),
                       outputs.row_range(range.first, range.count).column_range(h * width, width));
    });
  }
}

template <class Real>
void attention_backward(const AttentionHead<Real>& head, const AttentionGradient<Real>& gradient,
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
      const std::size_t stride = padded<Real>(range.keys());
      const Block<Real> weights(scratch, range.count, range.keys(), stride);
      const Block<Real> d_scores(scratch + query_block * stride, range.count, range.keys(), stride);
      product_nt<Real>(queries, keys, weights);
      product_nt<Real>(d_outputs, head.values.row_range(0, range.keys()), d_scores);
      for (std::size_t i = 0; i < range.count; ++i) {
        const std::size_t position = range.first + i;
        const Real mean = inner<Real>(d_outputs.row(i), columns(head.outputs).row(position), width);
        softmax_backward<Real>(weights.row(i), d_scores.row(i), position + 1, stride, scale,
                               head.log_sums(position, h), mean);
      }
      product_tn<Real>(weights, d_outputs, gradient.values.row_range(0, range.keys()), Write::add);
      product_nn<Real>(d_scores, keys, columns(gradient.queries).row_range(range.first, range.count));
      product_tn<Real>(d_scores, queries, gradient.keys.row_range(0, range.keys()), Write::add);
    });
  }
}

#define PASTONLY_ATTENTION(Real)                                                 \
  template std::size_t attention_scratch<Real>(std::size_t);                     \
  template void attention<Real>(const AttentionHead<Real>&, Block<Real>, Real*); \
  template void attention_backward<Real>(const AttentionHead<Real>&, const AttentionGradient<Real>&, Real*);
PASTONLY_ATTENTION(float)
PASTONLY_ATTENTION(double)
#undef PASTONLY_ATTENTION

}  // namespace pastonly::model
