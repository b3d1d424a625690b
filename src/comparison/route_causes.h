#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "comparison/alignment.h"
#include "pastonly/trace.h"

namespace pastonly::comparison {

/// One change of the selection that turns the first's routes into the second's.
struct RouteCause {
  std::string id;          ///< "other-k", "bias-missing", "permuted-experts", ...
  std::string message;     ///< what the second does
  double explained = 0.0;  ///< share of the tokens with other experts that it then routes as the second does
  double agreed = 0.0;     ///< share of the tokens with equal experts that stay so
};

/// What makes the second's routes of layer `pair` of the first's scores (of the second's, where the first has
/// none), tried one by one: another number of experts, the bias absent or rounded to bfloat16, another score
/// function under the bias, scores in 16 bits, experts in another order; then the rule that routing/identify
/// finds in the second's decisions, where tokens stand in the same places. The best explains at least four
/// fifths of the difference and keeps nine tenths of what agrees; nullopt where none does, or nothing
/// differs. `same_scores`: the recorded scores are those of both; else only the order of experts is tried.
std::optional<RouteCause> route_cause(const Trace& first, const Trace& second, const Alignment& alignment,
                                      std::size_t pair, bool same_scores);

}  // namespace pastonly::comparison
