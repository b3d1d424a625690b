#include "report/junit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "report/junit_cases.h"
#include "report/svg.h"
#include "report/told_findings.h"

namespace pastonly::report {
namespace {

using Result = JunitCase::Result;

// Servers take 30 MB (GitLab). Cases that do not pass have room of their own, so that none is left out for
// passes.
constexpr std::size_t most_junit_bytes = 28'000'000;
constexpr std::size_t most_passing_bytes = 8'000'000;
constexpr std::size_t longest_junit_text = 20'000;

/// Escaped, with its line breaks; other control characters, which XML refuses, are replaced.
std::string junit_text(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out += (at > 0 ? "\n" : "") + xml_text(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::string junit_body(const JunitCase& one) {
  const std::string text = cut_to(one.message, longest_junit_text);
  const std::string first = xml_text(cut_to(text.substr(0, text.find('\n')), 300));
  switch (one.result) {
    case Result::passed:
      return text.empty() ? "" : fmt::format("<system-out>{}</system-out>", junit_text(text));
    case Result::skipped:
      return fmt::format("<skipped message=\"{}\"/>", first);
    case Result::failed:
      return fmt::format("<failure type=\"finding\" message=\"{}\">{}</failure>", first, junit_text(text));
    case Result::error:
      break;
  }
  return fmt::format("<error type=\"incomplete\" message=\"{}\">{}</error>", first, junit_text(text));
}

std::string junit_case(const JunitSuite& suite, const JunitCase& one) {
  const std::string body = junit_body(one);
  const std::string head =
      fmt::format("  <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\"",
                  xml_text(cut_to(suite.name, 1000)), xml_text(cut_to(one.name, 1000)), one.seconds);
  return body.empty() ? head + "/>\n" : fmt::format("{}>{}</testcase>\n", head, body);
}

/// What a suite's and a report's start tag count.
struct Counts {
  std::array<std::size_t, 4> of{};  // by Result
  double seconds = 0.0;

  void add(Result result, double time) {
    ++of.at(static_cast<std::size_t>(result));
    seconds += time;
  }
  std::string attributes() const {
    const std::size_t skipped = of.at(static_cast<std::size_t>(Result::skipped)),
                      failed = of.at(static_cast<std::size_t>(Result::failed)),
                      error = of.at(static_cast<std::size_t>(Result::error));
    return fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3f}\"",
                       of.front() + skipped + failed + error, failed, error, skipped, seconds);
  }
};

/// Writes cases until their room is full.
class JunitRoom {
 public:
  /// "" and counted where there is no room.
  std::string take(const JunitSuite& suite, const JunitCase& one) {
    const bool passed = one.result == Result::passed;
    std::string text = junit_case(suite, one);
    if (used_ + text.size() > most_junit_bytes || (passed && passing_ + text.size() > most_passing_bytes)) {
      ++(passed ? left_out_passing_ : left_out_);
      return "";
    }
    used_ += text.size();
    if (passed) passing_ += text.size();
    return text;
  }
  /// A case that says what was left out, for the end.
  std::optional<JunitCase> told() const {
    if (left_out_ + left_out_passing_ == 0) return std::nullopt;
    return JunitCase{
        "left out", left_out_ > 0 ? Result::error : Result::skipped,
        fmt::format("{} cases that pass and {} others are left out, so that this stays below 30 MB: the "
                    "JSON report has all",
                    left_out_passing_, left_out_),
        0.0};
  }

 private:
  std::size_t used_ = 0, passing_ = 0, left_out_ = 0, left_out_passing_ = 0;
};

}  // namespace

std::string write_junit(const Report& report, const TextStyle&) {
  JunitRoom room;
  Counts all;
  std::string body;
  const auto add = [&](const JunitSuite& suite, JunitRoom* within) {
    Counts counts;
    std::string cases;
    for (const JunitCase& one : suite.cases) {
      const std::string text = within != nullptr ? within->take(suite, one) : junit_case(suite, one);
      if (text.empty()) continue;
      counts.add(one.result, one.seconds);
      all.add(one.result, one.seconds);
      cases += text;
    }
    body += fmt::format(" <testsuite name=\"{}\" {}>\n{} </testsuite>\n", xml_text(cut_to(suite.name, 1000)),
                        counts.attributes(), cases);
  };
  for (const JunitSuite& suite : junit_suites(report)) add(suite, &room);
  if (const auto told = room.told()) add({"pastonly", {*told}}, nullptr);
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"pastonly\" {}>\n{}</testsuites>\n",
      all.attributes(), body);
}

}  // namespace pastonly::report
