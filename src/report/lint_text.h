#pragma once

#include <string>
#include <string_view>

#include "pastonly/report.h"
#include "report/writer.h"

namespace pastonly::report {

/// The verdict in a sentence: what was read and how many options of which kind were found.
std::string lint_headline(const Report& report);

/// "pass" only where something was read, with options that are known, and no file has experts that route in
/// an unknown way; else "note". The verdict itself, and the exit code, stay those of a pass.
std::string_view lint_verdict_word(const Report& report);

/// The report of `pastonly lint`: the verdict, then a paragraph for each finding that begins with FILE:LINE,
/// as editors and CI take it, then what was named and not assessed.
std::string lint_text(const Report& report, const TextStyle& style);

}  // namespace pastonly::report
