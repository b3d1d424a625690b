#include "cli/lab_session.h"

#include <fmt/format.h>
#include <tbb/global_control.h>
#include <tbb/info.h>

#include <chrono>

#include "cli/arm_audits.h"
#include "cli/clock.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "input/hash.h"
#include "lab/arm_report.h"
#include "lab/lab.h"
#include "pastonly/version.h"
#include "run/judge.h"

namespace pastonly::cli {
namespace {

/// The evaluation's own claims, on all its tokens, in place of what source-floor says of one batch.
void add_floor(const Report::Experiment& experiment, const Policy& policy, Outcomes& outcomes) {
  if (!experiment.source.floor_bits) return;
  Ran ran = lab::floor_claims(experiment, policy.alpha);
  for (auto& [check, outcome] : outcomes) {
    if (check != "source-floor") continue;
    outcome = std::move(ran);
    return;
  }
  outcomes.emplace_back("source-floor", std::move(ran));
}

/// A row per check: what each arm measured stands with the arm.
std::vector<Report::CheckEntry> entries_of(const Outcomes& outcomes) {
  std::vector<Report::CheckEntry> entries;
  for (const auto& [check, outcome] : outcomes) {
    Report::CheckEntry entry{check, "ran", "", 0.0, {}};
    if (const auto* skipped = std::get_if<Skipped>(&outcome)) {
      entry.status = "skipped";
      entry.reason = skipped->reason;
    }
    if (const auto* error = std::get_if<Error>(&outcome)) {
      entry.status = "error";
      entry.reason = error->message;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

Expected<Report> run_lab(const LabRequest& request, const Session& session) {
  const std::string started = utc_now();
  const auto start = std::chrono::steady_clock::now();
  const auto threads =
      session.threads > 0 ? session.threads : static_cast<unsigned>(tbb::info::default_concurrency());
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
  const Interrupt interrupt;
  Progress progress(session.quiet);

  std::vector<FileRecord> files{{request.path, 0, ""}};
  if (!request.experiment.tokens.file.empty()) files.push_back({request.experiment.tokens.file, 0, ""});
  if (auto hashed = input::hash_files(files); !hashed) return tl::unexpected(hashed.error());
  lab::LabOptions options;
  options.directory = request.directory;
  options.threads = threads;
  options.progress = [&](double fraction, std::string_view what) { progress.report(fraction, what); };
  options.stop = [] { return Interrupt::requested(); };
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
  ArmAuditOptions checks{request.directory, request.policy, started.substr(0, 10), {}, options.stop};
  checks.progress = [&](double fraction, std::string_view what) {
    progress.report(fraction, fmt::format("checks: {}", what));
  };
  auto outcomes = request.checks ? audit_arms(request.experiment, checks, *experiment) : Outcomes{};
  if (!outcomes) return tl::unexpected(outcomes.error());
  add_floor(*experiment, request.policy, *outcomes);
  report.experiment = *std::move(experiment);
  report.checks = entries_of(*outcomes);
  Policy policy = request.policy;
  policy.source = request.experiment.tokens.source;
  judge(*outcomes, policy, started.substr(0, 10), report);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  report.run = {started, seconds.count(), request.experiment.seed, threads, session.arguments};
  return report;
}

}  // namespace pastonly::cli
