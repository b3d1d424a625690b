#pragma once

#include <nlohmann/json.hpp>

#include "pastonly/value.h"

namespace pastonly::report {

using Json = nlohmann::ordered_json;

/// Values as JSON, keys in their order. NaN and infinities, which JSON does not have, become null.
Json to_json(const Value& value);
Value from_json(const Json& json);

}  // namespace pastonly::report
