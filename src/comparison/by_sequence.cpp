#include "comparison/by_sequence.h"

#include <utility>

#include "stats/bootstrap.h"

namespace pastonly::comparison {

Measurement BySequence::measurement(std::string name, std::string unit, std::optional<LayerIndex> layer,
                                    double alpha, std::uint64_t seed) const {
  double sum = 0.0, weight = 0.0;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    sum += sums[i];
    weight += weights[i];
  }
  Measurement out{std::move(name), weight > 0.0 ? sum / weight : 0.0,  {},   {},
                  std::move(unit), static_cast<std::uint64_t>(weight), layer};
  const std::uint32_t stream = layer ? raw(*layer) : 0;
  if (const auto interval = stats::bootstrap_ratio(sums, weights, {alpha, 2000, seed, stream})) {
    out.lower = interval->lower;
    out.upper = interval->upper;
  }
  return out;
}

}  // namespace pastonly::comparison
