#pragma once

#include <optional>

#include "comparison/difference.h"
#include "pastonly/outcome.h"
#include "pastonly/trace.h"

namespace pastonly::comparison {

/// What the identified rule says of one flip, recomputed from the recorded scores of both runs.
struct FlipExplanation {
  struct Token {
    std::size_t row = 0;
    std::size_t position = 0;
  };
  /// Expert choice with a known chunk: the lowest score that the expert took in the token's chunk. Absent
  /// where the decision does not follow from it.
  std::optional<double> threshold_before, threshold_after;
  /// A token whose new scores alone, put into the base's, make the rule flip this decision.
  std::optional<Token> single_token;
};

/// Tries at most 64 tokens, those whose own decision for the expert changed first, and only where a layer has
/// at most 4 million scores. Rules that cannot be made from their parameters confirm nothing.
FlipExplanation explain_flip(const Trace& base, const Trace& run, std::size_t layer, const Flip& flip,
                             const LayerFacts::Rule& rule);

}  // namespace pastonly::comparison
