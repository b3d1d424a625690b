#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "comparison/difference.h"
#include "comparison/reference.h"
#include "comparison/tally.h"
#include "evidence/observations.h"
#include "pastonly/error.h"
#include "pastonly/intervention.h"

namespace pastonly::comparison {

/// A run, and the tokens at which it should agree with its base.
struct RunRegions {
  const Intervention* run = nullptr;
  std::vector<Region> regions;
};

struct RunComparison {
  const Intervention* run = nullptr;
  const Reference* reference = nullptr;
  std::vector<Region> regions;  ///< compared
  Trace trace;
  Difference difference;
  std::size_t tokens_changed = 0;  ///< tokens of the run that are not the base's at the same place
};

/// What a set of runs shows.
struct RunComparisons {
  std::vector<RunComparison> runs;
  Tally tally;
  bool stochastic = false;  ///< repeats of some base flip decisions at unmoved scores
};

/// Compares all runs, in parallel. Noise is counted with the rest: noise_test.h tells them apart.
Expected<RunComparisons> compare_runs(evidence::Observations& observations, References& references,
                                      std::span<const RunRegions> comparisons);

/// Whether a suffix run changes one sequence only (in a batch of one, "all rows" does).
bool single_row(const Intervention& run, const Layout& layout);
/// The rows that a suffix run changes.
std::vector<std::size_t> changed_rows(const Intervention& run, const Layout& layout);

}  // namespace pastonly::comparison
