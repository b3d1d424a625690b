#pragma once

#include <string>

#include "input/text/json.h"
#include "pastonly/routing_rule.h"
#include "pastonly/value.h"

namespace pastonly::input {

Json to_json(const Value& value);
/// An object.
Json parameters_json(const Parameters& parameters);
/// {"id": ..., "parameters": {...}}: Trace::rule.
std::string rule_text(std::string_view id, const Parameters& parameters);

}  // namespace pastonly::input
