#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "comparison/alignment.h"
#include "pastonly/error.h"
#include "pastonly/outcome.h"
#include "pastonly/trace.h"

namespace pastonly::comparison {

/// How two models route the same tokens at one layer: two checkpoints of a run, or a model in training and in
/// serving. Intervals: bootstrap over sequences.
struct LayerAgreement {
  /// The first token whose experts differ, and not at a near tie.
  struct Place {
    std::size_t first = 0, second = 0;                 ///< tokens, batch-major
    std::vector<std::size_t> only_first, only_second;  ///< experts
  };
  LayerIndex index{};        ///< in the first
  LayerIndex other_index{};  ///< in the second
  std::size_t experts = 0;
  Measurement kept;         ///< share of the first's (token, expert) routes that the second makes as well
  double by_chance = 0.0;   ///< what equal loads per expert, with tokens drawn at random, would keep
  Measurement same_tokens;  ///< share of tokens with the very same experts
  /// Mean total variation distance between a token's scores of the two, each divided by its sum; absent where
  /// either records no scores or scores that are no shares (negative, or all zero).
  std::optional<Measurement> score_drift;
  /// Of tokens whose experts differ: at a near tie, where the experts that were exchanged stand no further
  /// apart than the noise, or beyond one. Shares of tokens, and of routes.
  Measurement near_ties, differing_tokens, lost_routes;
  /// Twice what the distance between the last expert taken and the best one left moves by from the one
  /// recording to the other, in scores alone, where the experts are the same (99 of 100 tokens move less);
  /// with one side's scores alone, the rounding of the stated type of computation. Absent where neither
  /// records scores, and where it is half of the usual distance or more: then noise explains nothing.
  std::optional<double> noise;
  std::optional<Place> place;
  std::vector<std::size_t> differing,
      near;  ///< tokens of the first, ascending: beyond near ties, and at them
};

struct Agreement {
  std::uint64_t tokens = 0;  ///< decided in both
  bool tokens_known = true;  ///< both record token ids, and they are equal
  std::vector<LayerAgreement> layers;
};

/// Of traces that were aligned. `layer_done` is called after each layer, from several threads.
Agreement agreement(
    const Trace& first, const Trace& second, const Alignment& alignment, double alpha, std::uint64_t seed,
    const std::function<void()>& layer_done = [] {});
/// Aligns them first. Errors of align().
Expected<Agreement> agreement(const Trace& first, const Trace& second, double alpha, std::uint64_t seed);

}  // namespace pastonly::comparison
