#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/products.h"
#include "kernels/rows.h"
#include "model/objectives.h"
#include "routing/coupling.h"
#include "stats/random.h"

// Objectives on the router's rows: orthogonality and expert-router coupling.

namespace pastonly::model {
namespace {

template <class Real>
Real dot(Block<const Real> router, std::size_t i, std::size_t j) {
  return kernels::inner<Real>(router.row(i), router.row(j), router.columns);
}
template <class Real>
Real inverse_length(Block<const Real> router, std::size_t row) {
  const Real length = std::sqrt(dot(router, row, row));
  return length > Real{0} ? Real{1} / length : Real{0};
}
/// Ordered pairs of distinct rows.
template <class Real>
double pairs(Block<const Real> router) {
  return std::max(1.0, static_cast<double>(router.rows) * static_cast<double>(router.rows - 1));
}

}  // namespace

template <class Real>
double orthogonality_loss(Block<const Real> router) {
  double sum = 0.0;
  for (std::size_t i = 0; i < router.rows; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double cosine =
          static_cast<double>(dot(router, i, j) * inverse_length(router, i) * inverse_length(router, j));
      sum += 2.0 * cosine * cosine;
    }
  }
  return sum / pairs(router);
}

template <class Real>
void orthogonality_backward(Block<const Real> router, double factor, Block<Real> gradient) {
  // d cos_ij^2 / d R_i = 2 cos_ij (R_j / |R_j| - cos_ij R_i / |R_i|) / |R_i|, and every pair counts twice.
  const auto factors = static_cast<Real>(4.0 * factor / pairs(router));
  for (std::size_t i = 0; i < router.rows; ++i) {
    const Real own = inverse_length(router, i);
    for (std::size_t j = 0; j < router.rows; ++j) {
      if (j == i) continue;
      const Real other = inverse_length(router, j);
      const Real cosine = dot(router, i, j) * own * other;
      const Real slope = factors * cosine * own;
      kernels::accumulate<Real>(gradient.row(i), router.row(j), gradient.columns, slope * other);
      kernels::accumulate<Real>(gradient.row(i), router.row(i), gradient.columns, -slope * cosine * own);
    }
  }
}

template <class Real>
Matrix<Real> coupling_noise(Block<const Real> router, std::uint64_t seed, std::size_t layer) {
  // Streams below 2^32 belong to the layers' routing.
  return routing::coupling_noise(router, stats::CounterRng(seed, (std::uint64_t{1} << 32) | layer).bits64());
}

template <class Real>
Matrix<Real> no_coupling_noise(Block<const Real> router) {
  Matrix<Real> noise;
  noise.resize(router.rows, router.columns);
  std::fill(noise.buffer().begin(), noise.buffer().end(), Real{1});
  return noise;
}

template <class Real>
Coupling<Real> coupling_of(const Objectives& objectives, Block<const Real> router,
                           Block<const Real> expert_in, std::size_t gate_rows, std::uint64_t seed,
                           std::size_t layer) {
  return {router, expert_in, gate_rows, objectives.coupling_alpha,
          objectives.coupling_noise ? coupling_noise(router, seed, layer) : no_coupling_noise(router)};
}

template <class Real>
Coupling<Real>::Coupling(Block<const Real> router, Block<const Real> expert_in, std::size_t gate_rows,
                         double alpha, Matrix<Real> noise)
    : router_(router), expert_in_(expert_in), gate_rows_(gate_rows), noise_(std::move(noise)) {
  const std::size_t n = router.rows;
  proxies_.resize(n, router.columns);
  for (std::size_t i = 0; i < n; ++i)
    kernels::multiply<Real>(router.row(i), noise_.row(i), router.columns, proxies_.row(i));
  acts_.resize(n);
  norms_.resize(n, n);
  for (std::size_t j = 0; j < n; ++j) {
    acts_[j].resize(n, gate_rows);
    kernels::product_nt<Real>(proxies_.block(), gate_of(j), acts_[j].block());
    for (std::size_t i = 0; i < n; ++i)
      norms_.row(i)[j] = std::sqrt(kernels::inner<Real>(acts_[j].row(i), acts_[j].row(i), gate_rows));
  }
  loss_ = routing::coupling_loss<Real>(std::as_const(norms_).block(), alpha, &slopes_);
}

template <class Real>
Block<const Real> Coupling<Real>::gate_of(std::size_t expert) const {
  return expert_in_.row_range(expert * (expert_in_.rows / router_.rows), gate_rows_);
}

template <class Real>
void Coupling<Real>::backward(double factor, Block<Real> d_router, Block<Real> d_expert_in) const {
  const std::size_t n = router_.rows, width = router_.columns;
  Matrix<Real> d_acts, d_proxies;
  d_acts.resize(n, gate_rows_);
  d_proxies.resize(n, width);
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = 0; i < n; ++i) {
      const Real norm = norms_.row(i)[j];
      const auto slope = static_cast<Real>(factor * slopes_[i * n + j]);
      std::copy(acts_[j].row(i), acts_[j].row(i) + gate_rows_, d_acts.row(i));
      kernels::scale(d_acts.row(i), gate_rows_, norm > Real{0} ? slope / norm : Real{0});
    }
    kernels::product_nn<Real>(d_acts.block(), gate_of(j), d_proxies.block(),
                              j == 0 ? kernels::Write::overwrite : kernels::Write::add);
    kernels::product_tn<Real>(d_acts.block(), proxies_.block(),
                              d_expert_in.row_range(j * (d_expert_in.rows / n), gate_rows_),
                              kernels::Write::add);
  }
  for (std::size_t i = 0; i < n; ++i) {
    kernels::multiply<Real>(d_proxies.row(i), noise_.row(i), width, d_proxies.row(i));
    kernels::accumulate<Real>(d_router.row(i), d_proxies.row(i), width);
  }
}

#define PASTONLY_GEOMETRY(Real)                                                                      \
  template double orthogonality_loss<Real>(Block<const Real>);                                       \
  template void orthogonality_backward<Real>(Block<const Real>, double, Block<Real>);                \
  template Matrix<Real> coupling_noise<Real>(Block<const Real>, std::uint64_t, std::size_t);         \
  template Matrix<Real> no_coupling_noise<Real>(Block<const Real>);                                  \
  template Coupling<Real> coupling_of<Real>(const Objectives&, Block<const Real>, Block<const Real>, \
                                            std::size_t, std::uint64_t, std::size_t);                \
  template class Coupling<Real>;
PASTONLY_GEOMETRY(float)
PASTONLY_GEOMETRY(double)
#undef PASTONLY_GEOMETRY

}  // namespace pastonly::model
