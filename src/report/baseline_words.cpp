#include "report/baseline_words.h"

#include <fmt/format.h>

#include "run/baseline.h"

namespace pastonly::report {
namespace {

std::string counted(std::size_t count) { return fmt::format("{} finding{}", count, count == 1 ? "" : "s"); }

bool is_accepted(const Report::Finding& finding) {
  return finding.standing && finding.standing->state == "accepted";
}

}  // namespace

std::string baseline_in_words(const Report& report) {
  if (!report.baseline) return "";
  const auto& baseline = *report.baseline;
  if (!baseline.problem.empty())
    return fmt::format("Nothing of the baseline {} was accepted: {}.", baseline.name, baseline.problem);
  std::string out =
      fmt::format("Of the baseline {}: {} accepted, {} worse; {} new.", baseline.name,
                  counted(run::findings_that_are(report, "accepted")),
                  run::findings_that_are(report, "worse"), run::findings_that_are(report, "new"));
  if (const auto gone = run::entries_that_are(report, "gone"); gone > 0)
    out += fmt::format(" {} of the baseline {} gone: write it anew (--write-baseline).", counted(gone),
                       gone == 1 ? "is" : "are");
  if (const auto open = run::entries_that_are(report, "not assessed"); open > 0)
    out += fmt::format(" Of {} of the baseline nothing can be said: the check did not run.", counted(open));
  return out;
}

std::string standing_in_words(const Report::Finding& finding) {
  if (finding.suppressed && !is_accepted(finding)) return "Ignored by the policy: " + *finding.suppressed;
  if (!finding.standing) return "";
  if (finding.standing->state == "worse") return "Worse than in the baseline: " + finding.standing->why + ".";
  if (finding.standing->state == "new") return "New: the baseline does not have it.";
  return "As in the baseline, and accepted.";
}

}  // namespace pastonly::report
