#include "eigen_peak.h"

#include <tbb/parallel_for.h>

#include <Eigen/Core>
#include <algorithm>
#include <chrono>
#include <ctime>
#include <vector>

namespace pastonly::bench {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double processor_seconds() { return static_cast<double>(std::clock()) / static_cast<double>(CLOCKS_PER_SEC); }

Peak eigen_peak(int threads) {
  using Square = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic>;
  constexpr Eigen::Index size = 1536;
  std::vector<Square> a(static_cast<std::size_t>(threads), Square::Random(size, size)), c = a;
  Peak best;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const double start = now(), processor_start = processor_seconds();
    tbb::parallel_for(0, threads, [&](int i) {
      const auto at = static_cast<std::size_t>(i);
      c[at].noalias() = a[at] * a[at];
    });
    const double operations = 2.0 * threads * size * size * size;
    best.wall = std::max(best.wall, operations / (now() - start));
    best.processor = std::max(best.processor, operations / (processor_seconds() - processor_start));
  }
  return best;
}

}  // namespace pastonly::bench
