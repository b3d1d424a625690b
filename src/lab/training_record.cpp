#include "lab/training_record.h"

#include <algorithm>
#include <cmath>

#include "kernels/elementary.h"

namespace pastonly::lab {

void TrainingRecord::cut(std::size_t steps) {
  losses.resize(std::min(losses.size(), steps));
  std::erase_if(routers, [&](const RouterPoint& point) { return point.step > steps; });
  std::erase_if(probes, [&](const ProbeRoutes& probe) { return probe.step > steps; });
}

std::size_t curve_stride(std::size_t steps, std::size_t points) {
  return std::max<std::size_t>(1, (steps + points - 1) / points);
}

std::vector<std::uint64_t> probe_steps(std::size_t steps) {
  constexpr std::size_t intervals = 19;
  std::vector<std::uint64_t> out{0};
  const double log_steps = kernels::log(static_cast<double>(steps));
  for (std::size_t i = 0; i <= intervals; ++i) {
    const double at = kernels::exp(log_steps * static_cast<double>(i) / static_cast<double>(intervals));
    const auto step = i == intervals ? steps : static_cast<std::uint64_t>(std::llround(at));
    if (step > out.back()) out.push_back(step);
  }
  return out;
}

}  // namespace pastonly::lab
