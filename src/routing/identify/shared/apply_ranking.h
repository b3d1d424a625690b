#pragma once

#include <span>
#include <string_view>

namespace pastonly::routing {

/// Turns one token's scores into what a candidate of this `ranking` ranks; others leave them as they are.
void apply_ranking(std::span<float> row, std::string_view ranking);

}  // namespace pastonly::routing
