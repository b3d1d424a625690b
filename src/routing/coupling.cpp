#include "routing/coupling.h"

#include <utility>

#include "stats/random.h"
#include "stats/row_geometry.h"

namespace pastonly::routing {

using kernels::Block;
using kernels::Matrix;

template <class Real>
Matrix<Real> coupling_noise(Block<const Real> router, std::uint64_t seed) {
  const auto bounds = stats::relative_half_distances(router);
  Matrix<Real> noise;
  noise.resize(router.rows, router.columns);
  for (std::size_t i = 0; i < router.rows; ++i) {
    stats::CounterRng random(seed, i);
    for (std::size_t j = 0; j < router.columns; ++j)
      noise.row(i)[j] = static_cast<Real>(1.0 + bounds[i] * (2.0 * random.uniform() - 1.0));
  }
  return noise;
}

template <class Real>
double coupling_loss(Block<const Real> norms, double alpha, std::vector<double>* slopes) {
  const std::size_t n = norms.rows;
  if (slopes != nullptr) slopes->assign(n * n, 0.0);
  const double share = 1.0 / static_cast<double>(n * n);
  double loss = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double own = alpha * static_cast<double>(norms(i, i));
    for (std::size_t j = 0; j < n; ++j) {
      if (j == i) continue;
      for (const auto& [proxy, expert] : {std::pair{i, j}, std::pair{j, i}}) {
        const double excess = static_cast<double>(norms(proxy, expert)) - own;
        if (!(excess > 0.0)) continue;
        loss += share * excess;
        if (slopes == nullptr) continue;
        (*slopes)[proxy * n + expert] += share;
        (*slopes)[i * n + i] -= share * alpha;
      }
    }
  }
  return loss;
}

#define PASTONLY_COUPLING(Real)                                                 \
  template Matrix<Real> coupling_noise<Real>(Block<const Real>, std::uint64_t); \
  template double coupling_loss<Real>(Block<const Real>, double, std::vector<double>*);
PASTONLY_COUPLING(float)
PASTONLY_COUPLING(double)
#undef PASTONLY_COUPLING

}  // namespace pastonly::routing
