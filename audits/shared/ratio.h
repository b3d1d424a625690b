#pragma once

#include <span>

#include "pastonly/outcome.h"
#include "stats/bootstrap.h"

namespace pastonly::audits {

/// `described` with the sum of `parts` over the sum of `wholes` as its value, 0 where there is nothing, and
/// the interval over the units that both lists hold one number of (stats/bootstrap.h).
Measurement ratio_of(Measurement described, std::span<const double> parts, std::span<const double> wholes,
                     const stats::BootstrapOptions& options);

}  // namespace pastonly::audits
