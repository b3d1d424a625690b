#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pastonly/report.h"
#include "report/text.h"

namespace pastonly::report {

/// What a pass rests on, in a sentence or two: whether decisions changed with later tokens, and what of all
/// that was seen the policy lets pass though the policy `release` would report it. Ends with a newline.
std::string pass_headline(const Report& report, const TextStyle& style);

/// For other verdicts: what `release` would report and this policy mutes, as one sentence; "" for nothing.
std::string muted_in_words(const Report& report);

/// The checks whose findings fail the policy, each once.
std::vector<std::string> failing_checks(const Report& report);
/// The verdict as people read it: "note" where a lint passes and assessed nothing.
std::string_view verdict_word(const Report& report);

/// Why a policy fails: the checks whose findings do it, each once.
std::string failing_in_words(const Report& report);
/// What the verdict rests on, a sentence each: the above, or the reasons that the report states.
std::vector<std::string> reasons_in_words(const Report& report);

}  // namespace pastonly::report
