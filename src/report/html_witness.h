#pragma once

#include <string>

#include "pastonly/value.h"

namespace pastonly::report {

/// What a witness shows, step by step: what was run, what was changed, which decision came out otherwise.
/// Drawn where one row was redrawn from a cut on. "" for witnesses that name no changed decision.
std::string html_witness(const Value& witness);

}  // namespace pastonly::report
