#include "audits/shared/ratio.h"

#include <numeric>

namespace pastonly::audits {

Measurement ratio_of(Measurement described, std::span<const double> parts, std::span<const double> wholes,
                     const stats::BootstrapOptions& options) {
  const double part = std::accumulate(parts.begin(), parts.end(), 0.0);
  const double whole = std::accumulate(wholes.begin(), wholes.end(), 0.0);
  described.value = whole > 0.0 ? part / whole : 0.0;
  if (const auto interval = stats::bootstrap_ratio(parts, wholes, options)) {
    described.lower = interval->lower;
    described.upper = interval->upper;
  }
  return described;
}

}  // namespace pastonly::audits
