#include "stats/symmetric_eigen.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/buffer.h"
#include "kernels/products.h"
#include "kernels/rows.h"

namespace pastonly::stats {
namespace {

using kernels::Block;

constexpr std::size_t most_sweeps = 60;
constexpr double rounding = 1e-13;

double length_of(const double* row, std::size_t size) {
  return std::sqrt(kernels::inner<double>(row, row, size));
}

/// Turns two rows so that they are orthogonal; false where they were.
bool rotate(double* p, double* q, std::size_t size, double floor) {
  const double pp = kernels::inner<double>(p, p, size), qq = kernels::inner<double>(q, q, size);
  const double pq = kernels::inner<double>(p, q, size);
  const double lengths = std::sqrt(pp) * std::sqrt(qq);
  if (std::sqrt(std::min(pp, qq)) <= floor || std::abs(pq) <= 1e-15 * lengths) return false;
  const double zeta = (qq - pp) / (2.0 * pq);
  const double tangent = (zeta >= 0.0 ? 1.0 : -1.0) / (std::abs(zeta) + std::sqrt(1.0 + zeta * zeta));
  const double cosine = 1.0 / std::sqrt(1.0 + tangent * tangent), sine = cosine * tangent;
  for (std::size_t i = 0; i < size; ++i) {
    const double old = p[i];
    p[i] = cosine * old - sine * q[i];
    q[i] = sine * old + cosine * q[i];
  }
  return std::abs(pq) > rounding * lengths;
}

/// The row over its length, its largest element positive.
void normalise(const double* row, std::size_t size, double length, double* out) {
  std::size_t largest = 0;
  for (std::size_t i = 1; i < size; ++i) {
    if (std::abs(row[i]) > std::abs(row[largest])) largest = i;
  }
  const double signed_length = row[largest] < 0.0 ? -length : length;
  for (std::size_t i = 0; i < size; ++i) out[i] = row[i] / signed_length;
}

}  // namespace

SymmetricEigen symmetric_eigen(Block<const double> matrix) {
  // Rows turned until they are orthogonal are eigenvectors times eigenvalues, for V^T A = diag(values) V^T.
  const std::size_t n = matrix.rows;
  std::vector<double> rows(n * n);
  for (std::size_t i = 0; i < n; ++i) std::copy(matrix.row(i), matrix.row(i) + n, rows.data() + i * n);
  const double floor = rounding * length_of(rows.data(), n * n);
  bool turned = true;
  for (std::size_t sweep = 0; sweep < most_sweeps && turned; ++sweep) {
    turned = false;
    for (std::size_t p = 0; p + 1 < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q)
        turned = rotate(rows.data() + p * n, rows.data() + q * n, n, floor) || turned;
    }
  }
  std::vector<double> lengths(n);
  for (std::size_t i = 0; i < n; ++i) lengths[i] = length_of(rows.data() + i * n, n);
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return lengths[a] > lengths[b]; });
  SymmetricEigen out;
  out.vectors.assign(n * n, 0.0);
  for (std::size_t k = 0; k < n; ++k) {
    out.values.push_back(lengths[order[k]]);
    if (lengths[order[k]] > floor)
      normalise(rows.data() + order[k] * n, n, lengths[order[k]], out.vectors.data() + k * n);
  }
  return out;
}

PrincipalPlane principal_plane(Block<const double> points) {
  const std::size_t n = points.rows, width = points.columns;
  PrincipalPlane out;
  out.points.assign(n * 2, 0.0);
  if (n < 2) return out;
  kernels::Matrix<double> centred, products;
  centred.resize(n, width);
  products.resize(n, n);
  for (std::size_t c = 0; c < width; ++c) {
    double mean = 0.0;
    for (std::size_t i = 0; i < n; ++i) mean += points(i, c) / static_cast<double>(n);
    for (std::size_t i = 0; i < n; ++i) centred.row(i)[c] = points(i, c) - mean;
  }
  kernels::product_nt<double>(centred.block(), centred.block(), products.block());
  const auto eigen = symmetric_eigen(products.block());
  double all = 0.0;
  for (const double value : eigen.values) all += value;
  for (std::size_t k = 0; k < 2; ++k) {
    const double spread = std::sqrt(eigen.values[k]);
    for (std::size_t i = 0; i < n; ++i) out.points[i * 2 + k] = spread * eigen.vector(k)[i];
  }
  out.share = all > 0.0 ? std::min(1.0, (eigen.values[0] + eigen.values[1]) / all) : 0.0;
  return out;
}

}  // namespace pastonly::stats
