#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pastonly/report.h"

namespace pastonly::report {

/// Findings that say the same of several layers or arms: shown once, with the first's message and witness.
/// Points into the findings.
struct Kin {
  const Report::Finding* first;
  std::vector<std::uint32_t> layers;
  std::size_t more = 0;
  std::vector<std::string> arms;  ///< of an experiment that are not the first's
};
std::vector<Kin> families(const std::vector<Report::Finding>& findings);

/// "causal-mask/flip, layers 0-1, confidence 0.9917"
std::string heading_of(const Kin& kin);

}  // namespace pastonly::report
