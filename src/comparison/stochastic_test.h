#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "comparison/reference.h"
#include "comparison/run_comparison.h"
#include "evidence/observations.h"

namespace pastonly::comparison {

/// Permutation test that two groups of draws come from one distribution. `distances` is (n, n), symmetric;
/// the first `first` draws are one group. Statistic: mean distance between the groups minus mean distance
/// within the first. All splits are tried where there are at most 5,000, else 4,999 drawn ones and the
/// observed. Requires 2 <= first < n.
double exchangeability_p(std::span<const double> distances, std::size_t n, std::size_t first,
                         std::uint64_t seed);

/// For subjects whose routing is drawn by chance: given the past, base, repeats and suffix runs are equally
/// distributed before the cut if and only if routing is causal. One test for every (base, cut, row) over the
/// number of differing mask entries; the tests share their base, so they are combined by twice their mean,
/// valid under any dependence (Vovk and Wang 2020). nullopt where no base has a repeat.
struct StochasticTest {
  double p_value = 1.0;
  std::size_t groups = 0;
  double within = 0.0;   ///< mean share of decisions that differ between repeats
  double between = 0.0;  ///< the same between repeats and suffix runs
};
Expected<std::optional<StochasticTest>> test_stochastic(evidence::Observations& observations,
                                                        References& references,
                                                        std::span<const RunRegions> suffixes,
                                                        std::uint64_t seed);

}  // namespace pastonly::comparison
