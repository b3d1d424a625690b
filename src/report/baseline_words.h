#pragma once

#include <string>

#include "pastonly/report.h"

namespace pastonly::report {

/// What a report says of its baseline, in a sentence or two: how many findings are accepted, new and worse,
/// and what is gone; "" without one.
std::string baseline_in_words(const Report& report);
/// How a finding stands to the policy's ignores and to the baseline, as one sentence; "" where nothing is to
/// be said.
std::string standing_in_words(const Report::Finding& finding);

}  // namespace pastonly::report
