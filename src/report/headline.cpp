#include "report/headline.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "input/policy/policy.h"
#include "pastonly/names.h"
#include "report/agreement_table.h"
#include "report/baseline_words.h"
#include "report/lint_text.h"
#include "report/paragraph.h"
#include "run/judge.h"

namespace pastonly::report {
namespace {

/// The largest share of a layer's decisions that changed with later tokens.
double largest_flip_rate(const Report& report) {
  double largest = 0.0;
  for (const auto& check : report.checks) {
    if (check.id != check_id::causal_mask) continue;
    for (const Measurement& measured : check.measurements) {
      if (measured.name == measurement::flip_rate_decisions) largest = std::max(largest, measured.value);
    }
  }
  return largest;
}

bool says(const Report& report, std::string_view check, std::string_view claim) {
  return std::ranges::any_of(
      report.findings, [&](const auto& finding) { return finding.check == check && finding.claim == claim; });
}

/// What the policy `release` would report as a warning or an error, as "check/claim", each once.
std::vector<std::string> seen_by_release(const Report& report) {
  std::vector<std::string> out;
  auto release = input::read_policy("release");
  if (!release) return out;
  // Only what was measured is judged again: intervals and sources stay those of the audit.
  release->source = report.policy.source;
  Report again = report;
  run::judge(run::outcomes_of(report), *release, report.run.started.substr(0, 10), again);
  for (const auto& finding : again.findings) {
    if (finding.severity < Severity::warning) continue;
    std::string name = fmt::format("{}/{}", finding.check, finding.claim);
    if (std::ranges::count(out, name) == 0) out.push_back(std::move(name));
  }
  return out;
}

}  // namespace

std::string pass_headline(const Report& report, const TextStyle& style) {
  const double flips = largest_flip_rate(report);
  const auto seen = seen_by_release(report);
  const bool noise = flips > 0.0 && says(report, check_id::causal_mask, claim::within_noise);
  std::string text =
      flips > 0.0
          ? fmt::format("Redrawing later tokens changed earlier decisions, up to {:.2g}% of a layer's{}.",
                        100.0 * flips,
                        noise ? "; runs that leave these tokens' past and future alone change as much" : "")
          : std::string(report.layers.empty()
                            ? "Redrawing later tokens never changed an earlier log-probability."
                            : "Redrawing later tokens never changed an earlier decision.");
  if (seen.empty()) {
    text +=
        flips > 0.0 && !noise
            ? fmt::format(" The {} it.", report.baseline ? "policy or the baseline allows" : "policy allows")
            : " No other check found anything the policy forbids.";
  } else {
    text += fmt::format(" Found, and allowed by this policy{}: {}.",
                        report.baseline ? " or the baseline" : "", fmt::join(seen, ", "));
  }
  const auto ignored = std::ranges::count_if(report.findings, [](const auto& finding) {
    return finding.suppressed.has_value() && !finding.standing.has_value();
  });
  if (ignored > 0)
    text += fmt::format(" The policy ignores {} finding{} by name.", ignored, ignored == 1 ? "" : "s");
  if (const auto baseline = baseline_in_words(report); !baseline.empty()) text += " " + baseline;
  return wrapped(text, 0, style.width) + "\n";
}

std::string_view verdict_word(const Report& report) {
  return report.subject.kind == "configuration" ? lint_verdict_word(report) : name(report.verdict);
}

std::vector<std::string> failing_checks(const Report& report) {
  std::vector<std::string> checks;
  for (const auto& finding : report.findings) {
    if (finding.suppressed || finding.severity < report.policy.fail_on) continue;
    if (std::ranges::count(checks, finding.check) == 0) checks.push_back(finding.check);
  }
  return checks;
}

std::string failing_in_words(const Report& report) {
  return fmt::format("Checks that fail this policy: {}.", fmt::join(failing_checks(report), ", "));
}

std::vector<std::string> reasons_in_words(const Report& report) {
  constexpr TextStyle one_line{false, 1'000'000};
  const auto line = [](const std::string& text) { return text.substr(0, text.find('\n')); };
  std::vector<std::string> out = report.verdict_reasons;
  const std::string baseline = baseline_in_words(report);
  if (!report.beside.empty()) {
    if (!baseline.empty()) out.push_back(baseline);
    return out;
  }
  if (report.subject.kind == "configuration") return {lint_headline(report)};
  if (report.subject.kind == "comparison" && report.verdict != Verdict::inconclusive)
    return {line(agreement_headline(report, one_line))};
  if (report.verdict == Verdict::fail) {
    out = {failing_in_words(report)};
    if (!baseline.empty()) out.push_back(baseline);
    return out;
  }
  if (report.verdict == Verdict::pass) return {line(pass_headline(report, one_line))};
  if (!baseline.empty()) out.push_back(baseline);
  if (auto muted = muted_in_words(report); !muted.empty()) out.push_back(std::move(muted));
  return out;
}

std::string muted_in_words(const Report& report) {
  auto seen = seen_by_release(report);
  std::erase_if(seen, [&](const std::string& name) {
    return std::ranges::any_of(report.findings, [&](const auto& finding) {
      return !finding.suppressed && finding.severity >= Severity::warning &&
             fmt::format("{}/{}", finding.check, finding.claim) == name;
    });
  });
  const auto accepted = [&](const std::string& name) {
    return std::ranges::any_of(report.findings, [&](const auto& finding) {
      return finding.standing && finding.standing->state == "accepted" &&
             fmt::format("{}/{}", finding.check, finding.claim) == name;
    });
  };
  // The sum of the baseline counts these.
  std::erase_if(seen, accepted);
  return seen.empty() ? "" : fmt::format("Found, and muted by this policy: {}.", fmt::join(seen, ", "));
}

}  // namespace pastonly::report
