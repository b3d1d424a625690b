#pragma once

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

/// Of every `every`-th sequence, from the first on.
Routes read_routes(const Trace& trace, const LayerRecord& layer, std::size_t every = 1);

}  // namespace pastonly::routing
