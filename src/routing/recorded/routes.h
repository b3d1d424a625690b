#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pastonly/trace.h"

namespace pastonly::routing {

/// The experts of one layer's valid tokens, in batch-major order.
struct Routes {
  std::vector<std::size_t> tokens;     // (valid tokens) batch-major index
  std::vector<std::size_t> starts{0};  // (valid tokens + 1)
  std::vector<std::uint32_t> experts;  // (starts.back()) ascending within a token
};

/// n such that every n-th sequence holds at most so many tokens, or hardly more.
inline std::size_t sequence_step(const Layout& layout, std::size_t most_tokens) {
  return std::max<std::size_t>(1, (layout.tokens() + most_tokens - 1) / most_tokens);
}

/// Of every `every`-th sequence, from the first on.
Routes read_routes(const Trace& trace, const LayerRecord& layer, std::size_t every = 1);

}  // namespace pastonly::routing
