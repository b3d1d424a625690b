#include "routing/selection/chance.h"

#include <bit>

#include "routing/selection/order_key.h"

namespace pastonly::routing {

namespace {

/// The finaliser of MurmurHash3 (Appleby), a bijection that spreads every bit.
std::uint64_t mix(std::uint64_t x) noexcept {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

}  // namespace

stats::CounterRng token_noise(std::uint64_t seed, std::size_t position, std::span<const float> scores) {
  std::uint64_t stream = mix(position + 1);
  for (const float score : scores) stream = mix(stream * 3 + order_key(score));
  return stats::CounterRng(seed, stream);
}

stats::CounterRng group_noise(const Group& group) {
  if (group.layout.sequences > 1) return stats::CounterRng(group.seed);
  return token_noise(group.seed, 0, group.scores.row(0));
}

}  // namespace pastonly::routing
