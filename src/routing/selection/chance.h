#pragma once

#include <cstdint>
#include <span>

#include "routing/selection/group.h"
#include "stats/random.h"

namespace pastonly::routing {

/// A token's own noise: a generator keyed by the seed, its position in its sequence and its own scores,
/// and so by nothing of other tokens. Two tokens of one batch that agree in both share their noise.
stats::CounterRng token_noise(std::uint64_t seed, std::size_t position, std::span<const float> scores);

/// One generator for all tokens of a group, drawn from in their order. A sequence routed alone keys it by
/// its first token, so that it does not matter where in the batch the sequence stands. Requires a token.
stats::CounterRng group_noise(const Group& group);

}  // namespace pastonly::routing
