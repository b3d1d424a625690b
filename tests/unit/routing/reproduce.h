#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "pastonly/routing_rule.h"
#include "pastonly/trace.h"

namespace pastonly::routing {

/// The rule that an identified candidate stands for, with its parameters fixed for a batch of this
/// layout. Where the trace left one open the simplest value is taken: the smallest k, and as the capacity
/// of an expert that never refused a token the largest count it was seen with. Candidates that
/// determine no single rule (a free offset per run, a table of token ids) are usage errors saying so.
Expected<std::unique_ptr<RoutingRule>> candidate_rule(std::string_view id, const Value& parameters,
                                                      const Layout& layout);

/// Scores in the router order of the layout as the candidate ranks them: the recorded ones, or their
/// logarithm, log-odds or softmax where its `ranking` says so. (tokens, experts)
std::vector<float> candidate_scores(const LayerRecord& layer, const Value& parameters, const Layout& layout);

}  // namespace pastonly::routing
