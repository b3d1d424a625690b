#pragma once

#include <span>
#include <string_view>

namespace pastonly::routing {

/// Turns one token's scores into what a candidate of this `ranking` ranks: "softmax", or "log-score of
/// softmax", the second applied first. Names it does not know leave them as they are.
void apply_ranking(std::span<float> row, std::string_view ranking);

}  // namespace pastonly::routing
