#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "input/text/parse_json.h"

namespace pastonly::checkpoint {

/// Puts the values that transformers takes where keys are absent, as far as readers ask for them without a
/// fallback of their own: sizes, experts, epsilon. A key that is null counts as there. Those that were
/// absent, "key = value".
std::vector<std::string> fill_defaults(std::string_view model_type, input::Json& config);

}  // namespace pastonly::checkpoint
