#pragma once

#include <cstdint>

namespace pastonly::stats {

/// P-value of "the trials and the controls differ by the same chance" when k of n trials and j of m controls
/// show a difference: the chance that k or more of the k + j fall among the trials (Fisher's exact test,
/// one-sided). 1 where k = 0 or m = 0. Requires k <= n and j <= m.
double exchange_p_value(std::uint64_t differing, std::uint64_t trials, std::uint64_t controls,
                        std::uint64_t controls_differing = 0);

}  // namespace pastonly::stats
