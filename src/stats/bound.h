#pragma once

#include <cstdint>
#include <span>

namespace pastonly::stats {

// What routing can carry, in bits per token and layer. Requires 0 < K <= N; K, the mean number of
// experts per token, may be fractional.

/// The published floor on the capacity of expert choice, K log2((1-R)/R), R = K/N. Not positive for
/// R >= 1/2, where it says nothing; -inf for R = 1.
double expert_choice_floor(double experts, double top_k);
/// (N/T) log2 binom(T, C), C = max(1, floor(K T / N)): the logarithm of the number of masks that
/// expert choice can produce over a chunk, per token. 0 for an empty chunk.
double expert_choice_capacity(std::uint64_t experts, double top_k, std::uint64_t chunk);
/// C, the tokens that each expert takes of a chunk: max(1, floor(K T / N)), at most T.
std::uint64_t tokens_per_expert(std::uint64_t experts, double top_k, std::uint64_t chunk);
/// N H2(R), the limit of the capacity as the chunk grows.
double expert_choice_limit(double experts, double top_k);
/// sum_i log2 binom(T, c_i) / T for the counts observed in one chunk of T tokens.
double observed_capacity(std::span<const std::uint64_t> counts, std::uint64_t chunk);
/// log2 binom(n, k) by Stirling's series, for real n and k; -inf outside 0 <= k <= n, NaN for NaN.
double log2_binomial(double n, double k);

}  // namespace pastonly::stats
