#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pastonly::routing {

/// How far into the future the fate of each (token, expert) pair of one expert-choice chunk hangs,
/// from scores alone. The expert takes its `capacity` best of the chunk's T tokens, ties to the earlier
/// token; what is not finite ranks below every finite score. With later tokens' scores free, a taken token t
/// of rank r (1 = best) can be displaced by changing tokens >= u > t only if at least capacity - r + 1 of
/// them rank below it; one not taken can be admitted only if at least r - capacity of them rank above it. The
/// result is the largest such u minus t: 0 where no change of the future decides, 1 where only the next token
/// on.
///
/// `column`: scores of one expert for the chunk, in router order, (T). `reach`: (T), written.
/// O(T log T): one sort, then a constant order statistic of a growing set of positions.
void influence_reach(std::span<const float> column, std::size_t capacity, std::span<std::uint32_t> reach);

}  // namespace pastonly::routing
