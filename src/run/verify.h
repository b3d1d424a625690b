#pragma once

#include <string>
#include <vector>

#include "pastonly/report.h"

namespace pastonly::run {

/// One statement of a report, held against what was recomputed.
struct Statement {
  std::string what;  ///< "causal-mask/flip, layer 0"
  bool holds = false;
  std::string why;  ///< where it does not hold: stated against recomputed
};

/// Holds every finding (its key figures, witness and layers), every measurement, layers, totals, files,
/// subject, gaps (verify_parts.h), the detection limit and the verdict with its reasons against an audit of
/// the same files with the same seed and policy. Numbers agree within 1e-6 relative: builds for different
/// processors round differently.
std::vector<Statement> verify_against(const Report& stated, const Report& recomputed);

/// Equal, numbers within that tolerance.
bool agree(const Value& a, const Value& b);

}  // namespace pastonly::run
