#include "report/junit_cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "input/text/printable.h"
#include "report/headline.h"
#include "report/told_findings.h"
#include "report/unique_names.h"

namespace pastonly::report {
namespace {

using Result = JunitCase::Result;
constexpr std::size_t most_told = 10;  // findings in one case

/// What is said of one check at one layer; no layer: of all.
struct Spot {
  Result result = Result::passed;
  std::vector<std::string> messages;
  std::size_t more = 0;
};
using Spots = std::map<std::optional<std::uint32_t>, Spot>;

void say(Spot& spot, Result result, const std::string& message) {
  spot.result = std::max(spot.result, result);
  spot.messages.size() < most_told ? spot.messages.push_back(message) : void(++spot.more);
}

/// As a name is written: names that only read alike are told apart as well.
class Names {
 public:
  std::string unique(std::string_view name) {
    constexpr std::size_t longest = 500;
    return names_.unique(cut_to(input::printable(name), longest));
  }

 private:
  UniqueNames names_;
};

Spots spots_of(const Report::CheckEntry& check, const std::vector<const ToldFinding*>& findings) {
  Spots spots;
  for (const Measurement& m : check.measurements) {
    if (m.layer) spots[raw(*m.layer)];
  }
  for (const ToldFinding* told : findings) {
    const Report::Finding& finding = *told->finding;
    const bool failing = !finding.suppressed && finding.severity >= told->report->policy.fail_on &&
                         told->report->policy.fail_on != Severity::none;
    const std::string text = fmt::format("{} {}{}: {}", name(finding.severity), told->rule,
                                         finding.standing     ? fmt::format(" ({})", finding.standing->state)
                                         : finding.suppressed ? " (ignored)"
                                                              : "",
                                         told->message);
    const Result result = failing ? Result::failed : Result::passed;
    if (finding.layers.empty()) say(spots[std::nullopt], result, text);
    for (const std::uint32_t layer : finding.layers) say(spots[layer], result, text);
  }
  if (spots.empty()) spots[std::nullopt];
  return spots;
}

void add_check(const Report::CheckEntry& check, const std::vector<const ToldFinding*>& findings, Names& names,
               std::vector<JunitCase>& out) {
  if (check.status != "ran") {
    const Result result = check.status == "skipped" ? Result::skipped : Result::error;
    out.push_back({names.unique(check.id), result, check.reason, check.seconds});
    if (findings.empty()) return;
  }
  double seconds = check.seconds;  // the first case has them all
  for (const auto& [layer, spot] : spots_of(check, findings)) {
    std::string text;
    for (const std::string& message : spot.messages) text += (text.empty() ? "" : "\n") + message;
    if (spot.more > 0) text += fmt::format("\n… and {} findings more", spot.more);
    const std::string name = layer ? fmt::format("{}, layer {}", check.id, *layer) : check.id;
    out.push_back({names.unique(name), spot.result, std::move(text), std::exchange(seconds, 0.0)});
  }
}

/// The cases of a list of checks, with the findings that belong to them.
void add_checks(const std::vector<Report::CheckEntry>& checks,
                const std::vector<const ToldFinding*>& findings, Names& names, std::vector<JunitCase>& out) {
  std::map<std::string, std::vector<const ToldFinding*>> by_check;
  for (const ToldFinding* told : findings) by_check[told->finding->check].push_back(told);
  for (const auto& check : checks) {
    add_check(check, by_check[check.id], names, out);
    by_check.erase(check.id);
  }
  // Findings of checks that the list does not name: of a report that somebody else wrote.
  for (const auto& [id, others] : by_check) {
    if (others.empty()) continue;
    Report::CheckEntry entry;
    entry.id = id;
    entry.status = "ran";
    add_check(entry, others, names, out);
  }
}

JunitCase verdict_case(const Report& report) {
  std::string text;
  for (const std::string& reason : reasons_in_words(report)) text += (text.empty() ? "" : "\n") + reason;
  const Result result = report.verdict == Verdict::pass   ? Result::passed
                        : report.verdict == Verdict::fail ? Result::failed
                                                          : Result::error;
  return {"verdict", result, fmt::format("{}: {}", name(report.verdict), cut_to(text, 100'000)), 0.0};
}

void add_gaps(const Report& report, Names& names, std::vector<JunitCase>& out) {
  const auto skipped = [&](const auto& row) {
    return std::ranges::any_of(
        report.checks, [&](const auto& check) { return check.id == row.check && check.status != "ran"; });
  };
  for (const auto& row : report.not_assessed) {
    if (!skipped(row))
      out.push_back({names.unique(row.check + ", not assessed"), Result::skipped, row.reason, 0.0});
  }
}

}  // namespace

std::vector<JunitSuite> junit_suites(const Report& report) {
  std::vector<JunitSuite> suites;
  const auto told = told_findings(report);
  Names suite_names;
  for (const Report* one : all_of(report)) {
    std::map<std::string, std::vector<const ToldFinding*>> of_arm;  // "" of no arm
    for (const ToldFinding& finding : told) {
      if (finding.report == one)
        of_arm[one->experiment ? finding.finding->witness.text_or("arm", "") : ""].push_back(&finding);
    }
    JunitSuite suite{suite_names.unique(one->subject.name), {}};
    Names names;
    if (one == &report) {
      suite.cases.push_back(verdict_case(report));
      names.unique("verdict");
    }
    const std::size_t at = suites.size();
    if (one->experiment) {
      for (const auto& arm : one->experiment->arms) {
        JunitSuite of{suite_names.unique(fmt::format("{}, arm {}", one->subject.name, arm.name)), {}};
        Names of_names;
        add_checks(arm.checks, of_arm[arm.name], of_names, of.cases);
        of_arm.erase(arm.name);
        suites.push_back(std::move(of));
      }
    }
    std::vector<const ToldFinding*> rest;  // of no arm, or of one that the experiment does not name
    for (const auto& [arm, findings] : of_arm) rest.insert(rest.end(), findings.begin(), findings.end());
    add_checks(one->checks, rest, names, suite.cases);
    add_gaps(*one, names, suite.cases);
    suites.insert(suites.begin() + static_cast<std::ptrdiff_t>(at), std::move(suite));
  }
  return suites;
}

}  // namespace pastonly::report
