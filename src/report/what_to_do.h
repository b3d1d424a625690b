#pragma once

#include <string>

#include "pastonly/report.h"

namespace pastonly::report {

/// What to do about the findings that fail the policy, in a sentence or two. Where a layer's rule is known to
/// look ahead, what to use instead of it; else the help of the first finding that fails. "" where none fails.
std::string what_to_do(const Report& report);

}  // namespace pastonly::report
