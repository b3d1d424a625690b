#include "toy/weak_leak.h"

#include <optional>

#include "toy/hash.h"

namespace pastonly::toy {
namespace {

/// The chosen expert with the lowest score, the free one with the highest.
struct Marginal {
  std::optional<std::size_t> weakest, next;
};
Marginal marginal(const TraceData::Layer& layer, std::size_t token) {
  Marginal found;
  const std::size_t experts = layer.mask.experts();
  const auto score = [&](std::size_t e) { return layer.scores[token * experts + e]; };
  for (std::size_t e = 0; e < experts; ++e) {
    auto& slot = layer.mask(token, e) ? found.weakest : found.next;
    const bool better = !slot || (layer.mask(token, e) ? score(e) < score(*slot) : score(e) > score(*slot));
    if (better) slot = e;
  }
  return found;
}

void move(TraceData::Layer& layer, std::size_t token, std::size_t from, std::size_t to) {
  layer.mask(token, from) = 0;
  layer.mask(token, to) = 1;
}

std::uint64_t row_digest(const Batch& batch, std::size_t row) {
  std::uint64_t digest = 1;
  for (std::size_t s = 0; s < batch.layout.positions; ++s) {
    digest = mix(digest, static_cast<std::uint64_t>(batch.tokens[batch.layout.token(row, s)]));
  }
  return digest;
}

}  // namespace

void plant(const ModelRecipe::WeakLeak& leak, std::uint64_t seed, const Batch& batch,
           TraceData::Layer& layer) {
  using Kind = ModelRecipe::WeakLeak::Kind;
  for (std::size_t row = 0; row < batch.layout.sequences; ++row) {
    std::uint64_t digest = mix(seed, 12345);
    if (leak.kind == Kind::batch) {
      for (std::size_t other = 0; other < batch.layout.sequences; ++other) {
        if (other != row) digest = mix(digest, row_digest(batch, other));
      }
    }
    for (std::size_t s = batch.layout.positions; s-- > 0;) {
      const std::size_t t = batch.layout.token(row, s);
      const auto [weakest, next] = marginal(layer, t);
      const bool last = s + 1 == batch.layout.positions;
      const std::uint64_t place = mix(seed, s);
      if (leak.kind == Kind::next_token) {
        if (!last && weakest && unit(mix(place, 999)) < leak.probability) {
          const auto to = static_cast<std::size_t>(batch.tokens[t + 1]) % layer.mask.experts();
          if (!layer.mask(t, to)) move(layer, t, *weakest, to);
        }
        continue;
      }
      if (weakest && next && unit(mix(digest, place)) < leak.probability) move(layer, t, *weakest, *next);
      if (leak.kind == Kind::swap) digest = mix(digest, static_cast<std::uint64_t>(batch.tokens[t]));
    }
  }
}

}  // namespace pastonly::toy
