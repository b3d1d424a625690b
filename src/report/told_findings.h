#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pastonly/report.h"

namespace pastonly::report {

/// Where formats that know files and lines show a report: what is audited has no lines, so it is the policy's
/// file, where one was named, else the subject's configuration or plan, else its first file; never empty,
/// whatever its bytes.
Report::Place place_of(const Report& report);
/// Of a finding: its own, where it has one (`pastonly lint`).
Report::Place place_of(const Report& report, const Report::Finding& finding);
/// The path as a relative URI or, if it is absolute, a file URI; other bytes than letters, digits and
/// "-._~/" are percent-encoded (RFC 3986).
std::string uri_of(std::string_view path);

/// A finding as formats of other tools take it. Points into the report.
struct ToldFinding {
  const Report* report;  ///< that holds it: the report itself or one beside it
  const Report::Finding* finding;
  std::string rule;         ///< "causal-mask/flip"
  std::string fingerprint;  ///< unique in the report: repeated ones are numbered in their order
  std::string message;  ///< printable, one line: the subject where there are several, message, witness, help
};
/// Of the report and of those beside it, the most severe first; within a severity in their order.
std::vector<ToldFinding> told_findings(const Report& report);

/// The report and those beside it.
std::vector<const Report*> all_of(const Report& report);
/// At most so many bytes, cut between characters; a cut ends in "…".
std::string cut_to(std::string_view text, std::size_t bytes);

}  // namespace pastonly::report
