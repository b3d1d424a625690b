#pragma once

#include <cstdint>

namespace pastonly::stats {

/// P-value of "the trials and the controls differ by the same chance" when k of n trials and none of m
/// controls show a difference: the chance that all k fall among the trials, binom(n, k) / binom(n + m, k)
/// (Fisher's exact test, one-sided). 1 where k = 0 or m = 0. Requires k <= n.
double exchange_p_value(std::uint64_t differing, std::uint64_t trials, std::uint64_t controls);

}  // namespace pastonly::stats
