#include "stats/row_geometry.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/buffer.h"
#include "kernels/products.h"
#include "kernels/rows.h"

namespace pastonly::stats {

using kernels::Block;

RowGeometry row_geometry(Block<const double> rows) {
  const std::size_t n = rows.rows;
  RowGeometry out;
  out.cosines.resize(n * n);
  kernels::product_nt<double>(rows, rows, Block<double>(out.cosines.data(), n, n));
  for (std::size_t i = 0; i < n; ++i) out.norms.push_back(std::sqrt(out.cosines[i * n + i]));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      const double lengths = out.norms[i] * out.norms[j];
      double& cosine = out.cosines[i * n + j];
      cosine = lengths > 0.0 ? cosine / lengths : 0.0;
    }
  }
  return out;
}

template <class Real>
std::vector<double> relative_half_distances(Block<const Real> rows) {
  std::vector<double> nearest(rows.rows, std::numeric_limits<double>::infinity());
  for (std::size_t i = 0; i < rows.rows; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      double square = 0.0;
      for (std::size_t c = 0; c < rows.columns; ++c) {
        const double difference = static_cast<double>(rows(i, c)) - static_cast<double>(rows(j, c));
        square += difference * difference;
      }
      nearest[i] = std::min(nearest[i], std::sqrt(square));
      nearest[j] = std::min(nearest[j], std::sqrt(square));
    }
  }
  std::vector<double> out(rows.rows, 0.0);
  for (std::size_t i = 0; i < rows.rows; ++i) {
    const double length =
        std::sqrt(static_cast<double>(kernels::inner<Real>(rows.row(i), rows.row(i), rows.columns)));
    if (length > 0.0 && std::isfinite(nearest[i])) out[i] = nearest[i] / (2.0 * length);
  }
  return out;
}

double chord(const double* a, const double* b, std::size_t size) {
  const double length_a = std::sqrt(kernels::inner<double>(a, a, size));
  const double length_b = std::sqrt(kernels::inner<double>(b, b, size));
  double square = 0.0;
  for (std::size_t c = 0; c < size; ++c) {
    const double difference = a[c] / length_a - b[c] / length_b;
    square += difference * difference;
  }
  return std::sqrt(square);
}

template std::vector<double> relative_half_distances<float>(Block<const float>);
template std::vector<double> relative_half_distances<double>(Block<const double>);

}  // namespace pastonly::stats
