#pragma once

#include <cstddef>
#include <vector>

#include "pastonly/trace.h"

namespace pastonly::toy {

/// Nearest bfloat16, ties to even, little-endian bytes.
std::vector<std::byte> bf16_bytes(const std::vector<float>& values);
/// Holds scores, logits and gates of a trace in memory as BF16.
void to_bf16(Trace& trace);

}  // namespace pastonly::toy
