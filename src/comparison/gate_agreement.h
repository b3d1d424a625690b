#pragma once

#include <optional>
#include <string>

#include "comparison/alignment.h"
#include "pastonly/outcome.h"
#include "pastonly/trace.h"

namespace pastonly::comparison {

/// How gates of one layer compare, at tokens that both route to the same experts.
struct GateAgreement {
  LayerIndex index{};
  std::uint64_t tokens = 0;
  /// Mean over tokens of the largest difference of an expert's gates, over the token's largest gate;
  /// bootstrap over sequences.
  Measurement difference;
  Measurement differing;  ///< share of tokens where that is beyond the rounding of the stated computation
  std::size_t first = 0, second = 0;  ///< the first such token of each, batch-major; where there is any
  /// What the second's gates are of the first's, where one formula says it of 99 tokens in 100: "2.5 times
  /// the first's", "the first's divided by their sum". "" where none does, or nothing differs.
  std::string formula;
};

/// Layer `pair` of the alignment; nullopt where either records no gates, or no token has the same experts.
std::optional<GateAgreement> gate_agreement(const Trace& first, const Trace& second,
                                            const Alignment& alignment, std::size_t pair, double alpha,
                                            std::uint64_t seed);

/// What rounding may differ by between two recordings, relative, by the types they were computed in: 4
/// roundings of 16-bit types, 0.0001 of wider ones.
double rounding_between(const Trace& first, const Trace& second);

}  // namespace pastonly::comparison
