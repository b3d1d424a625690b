#pragma once

#include <cstdint>
#include <span>

namespace pastonly::stats {

/// x log2 x, 0 at 0. Requires x >= 0.
double x_log2_x(double x);

// Entropies in bits. Counts of 0 are ignored; no observations at all have entropy 0.

/// Of the empirical distribution: biased down, at most log2 of the number of observations.
double plug_in_entropy(std::span<const std::uint64_t> counts);

/// Plug-in plus (m - 1) / (2 n ln 2) for m values seen (Miller 1955). An estimate, never a bound.
double miller_madow_entropy(std::span<const std::uint64_t> counts);

/// A lower bound on the entropy of the distribution that n independent draws come from, with
/// confidence 1 - delta: plug-in - log2(n) sqrt(2 ln(1/delta) / n) (bounded differences; Antos and
/// Kontoyiannis 2001), not below 0. Useful only for many draws of much entropy.
double certified_entropy(std::span<const std::uint64_t> counts, double delta);

/// -log2(1 - f), f the probability that two independent draws differ: Renyi's entropy of order 2,
/// at most Shannon's. f is clamped to [0, 1]; f = 1 gives +inf, NaN gives 0 (nothing is known).
double collision_entropy(double difference_probability);

}  // namespace pastonly::stats
