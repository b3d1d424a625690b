#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "comparison/difference.h"
#include "comparison/run_comparison.h"
#include "evidence/observations.h"
#include "pastonly/error.h"
#include "pastonly/intervention.h"

namespace pastonly::comparison {

/// A row that a suffix run changed.
struct ChangedRow {
  std::size_t row = 0;
  /// The first token that really differs from the base's, where tokens are recorded; else the declared cut.
  /// Everything before it is compared.
  std::size_t cut = 0;
  bool only_padding = false;  ///< nothing but padding differs: no trial, though still compared
};

/// A suffix run by what it really changed.
struct SuffixRun {
  const Intervention* run = nullptr;
  std::vector<ChangedRow> rows;  ///< ascending; empty where no token differs: the run is a repeat
  RunRegions own() const;        ///< the changed rows' own pasts
  RunRegions others(const Layout& layout) const;  ///< the other rows, in full
};

/// All suffix runs of the subject, in its order. Errors as Observations::trace.
Expected<std::vector<SuffixRun>> suffix_runs(evidence::Observations& observations);

/// What one run really changed; `base` is the run's.
SuffixRun suffix_run(const Intervention& run, const Trace& base, const Trace& trace);

}  // namespace pastonly::comparison
