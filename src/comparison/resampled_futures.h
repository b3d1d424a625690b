#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "comparison/difference.h"
#include "comparison/reference.h"
#include "evidence/observations.h"
#include "pastonly/error.h"
#include "pastonly/intervention.h"
#include "pastonly/value.h"

namespace pastonly::comparison {

/// One row up to a cut, and runs that redraw what follows from one distribution.
struct Prefix {
  std::uint32_t base = 0;
  std::size_t row = 0;
  std::size_t cut = 0;
  std::vector<const Intervention*> futures;  ///< ascending by resample, at least two
};

/// One prefix of each row of each base: prefixes of one row share tokens, and may share draws, so they
/// are no independent trials. The one with the most futures, then the latest cut: no outcome decides it.
std::vector<Prefix> independent_prefixes(const evidence::Observations& observations, const Layout& layout);

/// Prefixes with many futures that nobody planned, and the runs they point to.
struct DeepPrefixes {
  std::vector<std::vector<Intervention>> runs;  // (prefixes, futures)
  std::vector<Prefix> prefixes;
};

/// Of a live subject: `futures` further draws for each of as many rows of the first base as its budget
/// allows, at most 8, evenly spread, cut where chunks of no width end. None where the budget does not hold
/// one prefix.
DeepPrefixes deep_prefixes(const evidence::Observations& observations, const Layout& layout,
                           std::size_t futures);

/// How the futures of one prefix route it. Row l < layers is layer l alone, the last is all of them.
struct PrefixRouting {
  std::uint64_t pairs = 0;                          ///< disjoint pairs of futures
  std::vector<std::uint64_t> differing;             // (layers + 1) pairs routed differently
  std::vector<std::vector<std::uint64_t>> classes;  // (layers + 1) futures per distinct routing
  Value witness;  ///< the first flip, as flip_witness.h documents; null without one
};

/// Futures per prefix from which on distinct routings are counted; below, `classes` stays empty.
inline constexpr std::size_t many_futures = 32;

/// Of many futures only the prefix is kept, not their traces. Compares the prefix under its futures, at the
/// first `layers` layers: flips beyond rounding.
Expected<PrefixRouting> route_prefix(evidence::Observations& observations, const Prefix& prefix,
                                     const Tolerances& tolerances, std::size_t layers);

}  // namespace pastonly::comparison
