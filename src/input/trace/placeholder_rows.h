#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pastonly/trace.h"

namespace pastonly::input {

/// Engines fill what they did not route (layers without experts, tokens that never ran) with zeros: K copies
/// of expert 0, which no router chooses. With K = 1 such a row is a choice of expert 0 like any other.
/// (tokens) 1 where a row of ids is that.
std::vector<std::uint8_t> placeholder_rows(const TokenTensor& ids);

}  // namespace pastonly::input
