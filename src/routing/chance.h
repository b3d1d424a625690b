#pragma once

#include <cstdint>
#include <span>

#include "stats/random.h"

namespace pastonly::routing {

/// A token's own noise: a generator keyed by the seed, its position in its sequence and its own scores,
/// and so by nothing of other tokens. Two tokens of one batch that agree in both share their noise.
stats::CounterRng token_noise(std::uint64_t seed, std::size_t position, std::span<const float> scores);

}  // namespace pastonly::routing
