#include "run/audit_logs.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "pastonly/check.h"
#include "pastonly/names.h"
#include "pastonly/version.h"
#include "run/judge.h"
#include "run/loss_logs.h"

namespace pastonly::run {
namespace {

FileRecord file_of(const std::string& path) {
  std::error_code unreadable;
  const auto bytes = std::filesystem::file_size(path, unreadable);
  return {path, unreadable ? 0 : bytes, ""};
}

}  // namespace

Expected<Report> audit_logs(std::span<const std::string> logs, const input::LogOptions& options,
                            const Policy& policy, std::string_view today, const input::Stop& stop) {
  const auto arms = losses::read_arms(logs, options, stop);
  if (!arms) return tl::unexpected(arms.error());
  Report report;
  report.tool = {"pastonly", std::string(version()), std::string(commit())};
  report.subject.kind = "logs";
  report.subject.name = fmt::format("{} training log{} of {} arm{}", logs.size(), logs.size() == 1 ? "" : "s",
                                    arms->size(), arms->size() == 1 ? "" : "s");
  report.subject.mode = name(Mode::unknown);
  report.subject.stage = name(Stage::unknown);
  for (const losses::LoggedArm& arm : *arms) {
    for (const auto& log : arm.seeds) report.subject.files.push_back(file_of(log.path));
  }
  Outcomes outcomes;
  for (const Check& check : all_checks()) {
    if (check.needs.pair) continue;
    const std::string id(check.id);
    outcomes.emplace_back(id, id == check_id::loss_anomaly
                                  ? loss_anomaly_of_logs(*arms, policy)
                                  : Outcome(Skipped{"training logs hold no routing"}));
    report.checks.push_back(entry_of(id, outcomes.back().second, 0.0));
    // A single arm can be compared with nothing; where it ends was measured all the same.
    if (id == check_id::loss_anomaly && std::holds_alternative<Skipped>(outcomes.back().second))
      report.checks.back().measurements = figures_of_logs(*arms, policy);
  }
  judge(outcomes, policy, today, report);
  return report;
}

}  // namespace pastonly::run
