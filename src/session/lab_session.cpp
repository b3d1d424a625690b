#include "session/lab_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "input/files/hash.h"
#include "lab/arm_report.h"
#include "lab/lab.h"
#include "pastonly/names.h"
#include "pastonly/version.h"
#include "run/judge.h"
#include "run/loss_logs.h"
#include "session/arm_audits.h"
#include "session/timed_run.h"

namespace pastonly::session {
namespace {

/// What the experiment as a whole says goes in place of what an arm's check said of one batch, or beside what
/// the arms' checks said.
Ran& entry_for(std::string_view check, run::Outcomes& outcomes) {
  auto found = std::ranges::find(outcomes, check, [](const auto& entry) { return entry.first; });
  if (found == outcomes.end()) {
    outcomes.emplace_back(check, Ran{});
    found = outcomes.end() - 1;
  }
  if (!std::holds_alternative<Ran>(found->second)) found->second = Ran{};
  return std::get<Ran>(found->second);
}

void add_floor(const Report::Experiment& experiment, const Policy& policy, run::Outcomes& outcomes) {
  if (experiment.source.floor_bits)
    entry_for(check_id::source_floor, outcomes) = lab::floor_claims(experiment, policy.alpha);
}

void add_comparison(const lab::Experiment& plan, const Report::Experiment& experiment, const Policy& policy,
                    run::Outcomes& outcomes) {
  Outcome compared = run::loss_anomaly_of_logs(lab::groups_of(plan, experiment), policy);
  auto* const ran = std::get_if<Ran>(&compared);
  if (ran == nullptr) return;
  Ran& all = entry_for(check_id::loss_anomaly, outcomes);
  std::ranges::move(ran->measurements, std::back_inserter(all.measurements));
  std::ranges::move(ran->claims, std::back_inserter(all.claims));
}

}  // namespace

Expected<Report> run_lab(const LabRequest& request, const Environment& environment) {
  TimedRun run(environment);
  const Watch& watch = environment.watch;

  std::vector<FileRecord> files{{request.path, 0, ""}};
  if (!request.experiment.tokens.file.empty()) files.push_back({request.experiment.tokens.file, 0, ""});
  if (auto hashed = input::hash_files(files); !hashed) return tl::unexpected(hashed.error());
  lab::LabOptions options;
  options.directory = request.directory;
  options.threads = run.threads();
  // The checks of an arm take about as long as 400 steps of its training.
  double steps = 0.0, audits = 0.0;
  for (const lab::Arm& arm : request.experiment.arms) {
    steps += static_cast<double>(arm.training.steps);
    audits += request.checks ? 400.0 : 0.0;
  }
  const double trained = steps / (steps + audits);
  options.watch = part_of_work(watch, 0.0, trained);
  auto experiment = lab::run(request.experiment, options);
  if (!experiment) return tl::unexpected(experiment.error());

  Report report;
  report.tool = {"pastonly", std::string(version()), std::string(commit())};
  report.subject.kind = "lab";
  report.subject.name = request.path;
  report.subject.mode = name(Mode::train);
  report.subject.stage = name(Stage::dispatched);
  report.subject.files = std::move(files);
  report.subject.vocab = experiment->source.vocab;
  for (const auto& arm : experiment->arms) report.subject.tokens += arm.tokens;
  ArmAuditOptions checks{request.directory, request.policy, request.only, run.today(),
                         part_of_work(watch, trained, 1.0)};
  auto outcomes = request.checks ? audit_arms(request.experiment, checks, *experiment) : run::Outcomes{};
  if (!outcomes) return tl::unexpected(outcomes.error());
  add_floor(*experiment, request.policy, *outcomes);
  add_comparison(request.experiment, *experiment, request.policy, *outcomes);
  report.experiment = *std::move(experiment);
  for (const auto& [check, outcome] : *outcomes) report.checks.push_back(run::entry_of(check, outcome, 0.0));
  Policy policy = request.policy;
  policy.source = request.experiment.tokens.source;
  run::judge(*outcomes, policy, run.today(), report);
  report.run = run.record(request.experiment.seed);
  return report;
}

}  // namespace pastonly::session
