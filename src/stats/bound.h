#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace pastonly::stats {

// What routing can carry, in bits (statistics.md section 1). Requires 1 <= K <= N; K may be fractional.

/// The published floor on the capacity of expert choice, K log2((1-R)/R), R = K/N, bits per token and
/// layer. Not positive for R >= 1/2: vacuous.
double expert_choice_floor(double experts, double top_k);
/// (N/T) log2 binom(T, C), bits per token, C = max(1, floor(K T / N)).
double expert_choice_capacity(std::uint64_t experts, double top_k, std::uint64_t chunk);
/// N H2(R), the limit of the capacity as the chunk grows.
double expert_choice_limit(double experts, double top_k);
/// sum_i log2 binom(T, c_i) / T for the counts observed in one chunk of T tokens.
double observed_capacity(std::span<const std::uint64_t> counts, std::uint64_t chunk);
/// log2 binom(n, k) by log-gamma.
double log2_binomial(double n, double k);

}  // namespace pastonly::stats
