#pragma once

#include <string>

#include "pastonly/error.h"
#include "pastonly/routing_rule.h"
#include "pastonly/trace.h"

namespace pastonly::input {

/// The rule that a trace's producer declares (Trace::rule): "top-k,k=2" as JSON text, {"id": "top-k", "k":
/// 2}, or {"id": "top-k", "parameters": {"k": 2}}. A text that is no rule is an input error naming file and
/// key; whether the rule exists is for make_rule to say.
Expected<RuleSpec> declared_rule(const Trace& trace);

}  // namespace pastonly::input
