#pragma once

#include <optional>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/outcome.h"
#include "pastonly/trace.h"

namespace pastonly::comparison {

/// How two models route the same tokens at one layer: two checkpoints of a run, say. Intervals: bootstrap
/// over sequences.
struct LayerAgreement {
  LayerIndex index{};
  std::size_t experts = 0;
  Measurement kept;         ///< share of the first's (token, expert) routes that the second makes as well
  double by_chance = 0.0;   ///< what equal loads per expert, with tokens drawn at random, would keep
  Measurement same_tokens;  ///< share of tokens with the very same experts
  /// Mean total variation distance between a token's scores of the two, each divided by its sum; absent where
  /// either records no scores or scores that are no shares (negative, or all zero).
  std::optional<Measurement> score_drift;
};

struct Agreement {
  std::uint64_t tokens = 0;  ///< valid in both
  bool tokens_known = true;  ///< both record token ids, and they are equal
  /// One holds a position more, the last, which engines do not run; it is left out of both.
  bool last_position_left_out = false;
  std::vector<LayerAgreement> layers;
};

/// Layers that both hold, in order. Where one trace is longer by one position, or by padding alone, the
/// other's positions are compared. Input errors name both traces: other layouts, other tokens, another number
/// of experts, no layer in common, nothing valid in both.
Expected<Agreement> agreement(const Trace& first, const Trace& second, double alpha, std::uint64_t seed);

}  // namespace pastonly::comparison
