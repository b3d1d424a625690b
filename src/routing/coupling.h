#pragma once

#include <cstdint>
#include <vector>

#include "kernels/block.h"
#include "kernels/buffer.h"

namespace pastonly::routing {

/// Expert-router coupling (Lv et al. 2025, arXiv 2512.23447). Router rows are proxy tokens: R~_i = R_i * d_i
/// element by element, d uniform in [1 - e_i, 1 + e_i], e_i = min_j |R_i - R_j| / (2 |R_i|), so that a proxy
/// stays nearest to its own row. M_ij = |W_j R~_i|, W_j the gate projection of expert j. The loss is
/// 1/N^2 sum_i sum_{j != i} max(M_ij - alpha M_ii, 0) + max(M_ji - alpha M_ii, 0): no proxy excites another
/// expert more than its own, no expert is excited more by another proxy.

/// The factors d of all rows, (N, width), drawn from a stream for every row.
template <class Real>
kernels::Matrix<Real> coupling_noise(kernels::Block<const Real> router, std::uint64_t seed);

/// The loss of M (proxies, experts); writes its slopes by M to `slopes` (N N) where given.
template <class Real>
double coupling_loss(kernels::Block<const Real> norms, double alpha, std::vector<double>* slopes = nullptr);

}  // namespace pastonly::routing
