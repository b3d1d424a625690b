#include "session/baseline_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "input/files/hash.h"
#include "session/report_file.h"

namespace pastonly::session {
namespace {

constexpr std::size_t most_findings = 10'000;

bool same_entry(const Report::Baseline::Entry& a, const Report::Baseline::Entry& b) {
  const auto same_figure = [](const Measurement& x, const Measurement& y) {
    return x.name == y.name && x.value == y.value && x.lower == y.lower && x.upper == y.upper &&
           x.unit == y.unit && x.samples == y.samples && x.layer == y.layer;
  };
  return a.check == b.check && a.claim == b.claim && a.layers == b.layers && a.rules == b.rules &&
         a.fingerprint == b.fingerprint && a.severity == b.severity && a.message == b.message &&
         std::ranges::equal(a.figures, b.figures, same_figure);
}

/// Every recording's entries, as judging by the file again would set them.
bool same_entries(const Report& stated, const Report& again) {
  if (!stated.baseline || !again.baseline || stated.baseline->problem != again.baseline->problem)
    return false;
  return std::ranges::equal(stated.baseline->entries, again.baseline->entries, same_entry) &&
         std::ranges::equal(stated.beside, again.beside, same_entries);
}

}  // namespace

Expected<run::EarlierReport> read_baseline(const std::string& path) {
  const auto hash = input::sha256_file(path);
  if (!hash) return tl::unexpected(hash.error());
  auto report = read_report(path);
  if (!report) return tl::unexpected(report.error());
  if (report->subject.kind == "configuration" || report->experiment)
    return input_error(
        fmt::format("{}: is a report of pastonly {}; a baseline is a JSON report of audit or compare", path,
                    report->experiment ? "lab" : "lint"));
  std::size_t findings = report->findings.size() + report->dismissed.size();
  for (const Report& other : report->beside) findings += other.findings.size() + other.dismissed.size();
  if (findings > most_findings)
    return input_error(
        fmt::format("{}: {} findings and dismissed claims, more than the {} that a baseline may have", path,
                    findings, most_findings));
  return run::EarlierReport{*std::move(report), path, *hash};
}

std::vector<run::Statement> hold_baseline(const Report& stated) {
  if (!stated.baseline) return {};
  const std::string& path = stated.baseline->name;
  const auto hash = input::sha256_file(path);
  run::Statement row{"baseline " + path, true, ""};
  if (!hash || *hash != stated.baseline->sha256) {
    row.what += fmt::format(": the file is {}; the verdict is held against what the report states of it",
                            hash ? "another by now" : "not at hand");
    return {row};
  }
  const auto earlier = read_baseline(path);
  if (!earlier) return {{row.what, false, earlier.error().message}};
  const auto again = run::judge_by_baseline(stated, *earlier, stated.run.started.substr(0, 10));
  row.holds = again && same_entries(stated, *again);
  if (!row.holds) row.why = "the report does not state what the file accepts";
  return {row};
}

}  // namespace pastonly::session
