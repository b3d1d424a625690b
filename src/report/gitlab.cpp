#include "report/gitlab.h"

#include <fmt/format.h>

#include "input/text/printable.h"
#include "report/headline.h"
#include "report/ordered_json.h"
#include "report/told_findings.h"

namespace pastonly::report {
namespace {

constexpr std::size_t most_issues = 10'000;  // more than a reviewer, or its server, reads

/// Of its five (info, minor, major, critical, blocker).
std::string_view gitlab_severity(Severity severity) {
  return severity == Severity::error ? "critical" : severity == Severity::warning ? "major" : "info";
}

Json gitlab_issue(const Report::Place& place, std::string_view description, std::string_view check,
                  std::string_view fingerprint, std::string_view severity) {
  std::string_view path = place.file;
  while (path.starts_with("./")) path.remove_prefix(2);
  return {{"description", description},
          {"check_name", check},
          {"fingerprint", fingerprint},
          {"severity", severity},
          {"location", {{"path", input::printable(path)}, {"lines", {{"begin", place.line}}}}}};
}

}  // namespace

std::string write_gitlab(const Report& report, const TextStyle&) {
  Json issues = Json::array();
  if (report.verdict == Verdict::error || report.verdict == Verdict::inconclusive) {
    const std::string verdict = fmt::format("verdict/{}", name(report.verdict));
    std::string text = fmt::format("No verdict ({}).", name(report.verdict));
    for (const std::string& reason : reasons_in_words(report)) text += " " + input::printable(reason);
    issues.push_back(gitlab_issue(place_of(report), cut_to(text, 4000), verdict, verdict,
                                  report.verdict == Verdict::error ? "critical" : "major"));
  }
  std::size_t left_out = 0;
  for (const ToldFinding& told : told_findings(report)) {
    if (told.finding->suppressed) continue;
    if (issues.size() >= most_issues) {
      ++left_out;
      continue;
    }
    issues.push_back(gitlab_issue(place_of(*told.report, *told.finding),
                                  told.message.empty() ? told.rule : told.message, told.rule,
                                  told.fingerprint, gitlab_severity(told.finding->severity)));
  }
  if (left_out > 0) {
    issues.push_back(gitlab_issue(place_of(report),
                                  fmt::format("{} findings more: the JSON report has all", left_out),
                                  "verdict/cut", "verdict/cut", "info"));
  }
  return issues.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace pastonly::report
