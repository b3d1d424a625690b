#pragma once

#include "pastonly/error.h"
#include "pastonly/trace.h"

namespace pastonly::integrity {

/// Holds the rule that a trace declares (Trace::rule) against the table of rules and the experts of every
/// layer. Input errors, naming file and key: a text that is no rule, parameters that the rule does not take.
/// A name that no rule has is an oddity, added to the trace's issues: people have rules of their own, and
/// what cannot be applied counts as not declared.
Expected<void> check_declaration(Trace& trace);

}  // namespace pastonly::integrity
