#include "run/holm.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace pastonly {

std::vector<double> holm_adjusted(std::span<const double> p_values) {
  std::vector<std::size_t> ascending(p_values.size());
  std::iota(ascending.begin(), ascending.end(), std::size_t{0});
  std::stable_sort(ascending.begin(), ascending.end(),
                   [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double running = 0.0;
  for (std::size_t rank = 0; rank < ascending.size(); ++rank) {
    const double scaled = p_values[ascending[rank]] * static_cast<double>(p_values.size() - rank);
    running = std::max(running, std::min(1.0, scaled));
    adjusted[ascending[rank]] = running;
  }
  return adjusted;
}

}  // namespace pastonly
