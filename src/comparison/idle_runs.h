#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "comparison/run_comparison.h"
#include "evidence/observations.h"
#include "pastonly/error.h"

namespace pastonly::comparison {

/// Runs that can show what they were made for, and those that cannot: their valid tokens are the base's, at
/// the same places (a plain repeat), or no valid token is left to compare.
struct TellingRuns {
  std::vector<RunRegions> runs;
  std::vector<std::uint32_t> unchanged, empty;  ///< ids, ascending as given

  /// "; runs 4, 5 change no token"; "" where every run tells something.
  std::string idle_words() const;
};
/// Errors as Observations::trace.
Expected<TellingRuns> without_idle(evidence::Observations& observations, std::vector<RunRegions> runs);

}  // namespace pastonly::comparison
