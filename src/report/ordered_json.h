#pragma once

#include <nlohmann/json.hpp>

namespace pastonly::report {

/// Keys stand as they were written.
using Json = nlohmann::ordered_json;

}  // namespace pastonly::report
