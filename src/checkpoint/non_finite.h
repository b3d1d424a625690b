#pragma once

#include <string>
#include <string_view>

#include "checkpoint/weights.h"

namespace pastonly::checkpoint {

/// The first tensor in order of name that begins with `prefix` and holds NaN or an infinity, as "file: tensor
/// 'x' holds nan at 17"; "" where there is none. Reads all of them.
std::string find_non_finite(const Weights& weights, std::string_view prefix);

}  // namespace pastonly::checkpoint
