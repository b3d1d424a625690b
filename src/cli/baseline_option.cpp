#include "cli/baseline_option.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cli/messages.h"
#include "cli/validators.h"
#include "session/baseline_file.h"

namespace pastonly::cli {
namespace {

/// What the policy allows becomes an entry as well, and another policy need not allow it.
std::string allowed_in_words(const Report& report) {
  std::vector<std::string> names;
  const auto add = [&](const Report& one) {
    for (const auto& entry : run::baseline_of(one).entries) {
      if (entry.severity == Severity::none) names.push_back(entry.check + "/" + entry.claim);
    }
  };
  add(report);
  for (const Report& other : report.beside) add(other);
  if (names.empty()) return "";
  const std::size_t count = names.size();
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return fmt::format(", and {} that this policy allows ({})", count, fmt::join(names, ", "));
}

}  // namespace

void add_baseline_options(CLI::App& command, BaselineArguments& arguments) {
  CLI::Option* written =
      command
          .add_option("--write-baseline", arguments.write,
                      "Write the JSON report to FILE, to be accepted with --baseline; exits with 0")
          ->type_name("FILE")
          ->check(not_empty());
  command
      .add_option(
          "--baseline", arguments.path,
          "JSON report of an earlier audit or comparison: what was found there is accepted, and only what "
          "is new or worse fails")
      ->type_name("REPORT")
      ->check(not_empty())
      ->excludes(written);
}

Expected<std::optional<run::EarlierReport>> read(const BaselineArguments& arguments, bool comparison) {
  if (arguments.path.empty()) return std::nullopt;
  auto earlier = session::read_baseline(arguments.path);
  if (!earlier) return tl::unexpected(earlier.error());
  const bool compared = earlier->report.subject.kind == "comparison";
  if (compared != comparison)
    return usage_error(fmt::format("--baseline {}: is a report of pastonly {}, not of {}", arguments.path,
                                   compared ? "compare" : "audit", comparison ? "compare" : "audit"));
  return *std::move(earlier);
}

std::vector<std::string> outputs_of(const BaselineArguments& arguments, const Session& session) {
  std::vector<std::string> specs = session.outputs;
  if (arguments.write.empty()) return specs;
  if (specs.empty()) specs.emplace_back("text");
  specs.push_back("json=" + arguments.write);
  return specs;
}

int conclude(const BaselineArguments& arguments, const Report& report) {
  if (arguments.write.empty()) return exit_code(report.verdict);
  // What the policy ignores has a date of its own.
  const auto open = [](const Report& one) {
    return std::ranges::count_if(one.findings, [](const auto& finding) { return !finding.suppressed; });
  };
  auto findings = open(report);
  for (const Report& other : report.beside) findings += open(other);
  tell_line(fmt::format("{}: {} finding{} to be accepted with --baseline{}{}", arguments.write, findings,
                        findings == 1 ? "" : "s", allowed_in_words(report),
                        report.verdict == Verdict::error || report.verdict == Verdict::inconclusive
                            ? "; what was not assessed is not accepted"
                            : ""));
  return report.verdict == Verdict::error ? exit_code(Verdict::error) : 0;
}

}  // namespace pastonly::cli
