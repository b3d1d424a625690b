#include "session/arm_audits.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "input/files/atomic_file.h"
#include "input/files/hash.h"
#include "lab/corpus.h"
#include "lab/lab.h"
#include "lab/store.h"
#include "model/runnable.h"
#include "report/json.h"
#include "run/audit.h"
#include "session/part_of_work.h"
#include "session/report_file.h"
#include "subjects/live_model.h"

namespace pastonly::session {
namespace {

Expected<Report> audit_arm(const lab::Experiment& plan, std::size_t index, const lab::Corpus& corpus,
                           const ArmAuditOptions& options, const Report::Experiment::Arm& entry) {
  const lab::Arm& arm = plan.arms[index];
  auto opened = lab::open_arm(plan, arm, options.directory);
  if (!opened) return tl::unexpected(opened.error());
  const subjects::DrawTokens draw = [&](std::uint64_t seed, std::size_t sequences, std::size_t positions) {
    std::vector<std::int64_t> tokens;
    // A draw that fails leaves an array of the wrong size, which the subject refuses.
    if (!corpus.draw(lab::Corpus::Part::evaluation, seed, {sequences, positions}, tokens)) tokens.clear();
    return tokens;
  };
  subjects::LiveOptions live;
  live.name = arm.name;
  live.layout = plan.batch;
  live.seed = entry.evaluation_seed;
  live.drawn_from = plan.tokens.source;
  auto subject = subjects::make_live(model::make_runnable((*opened)->model()), draw, live);
  if (!subject) return tl::unexpected(subject.error());
  Policy policy = options.policy;
  policy.source = plan.tokens.source;
  run::AuditOptions how;
  how.checks = options.checks;
  how.seed = entry.evaluation_seed;
  how.today = options.today;
  const auto arms = static_cast<double>(plan.arms.size());
  const auto before = static_cast<double>(index);
  how.watch = part_of_work(options.watch, before / arms, (before + 1.0) / arms);
  how.watch.progress = [&, progress = how.watch.progress](std::optional<double> fraction,
                                                          std::string_view what) {
    progress(fraction, fmt::format("checks of {}: {}", arm.name, what));
  };
  return run::audit(**subject, policy, how);
}

/// Where an arm's audit is kept: by all that it depends on besides the arm itself.
std::filesystem::path kept_audit(const lab::Experiment& plan, const lab::Arm& arm,
                                 const ArmAuditOptions& options) {
  Policy policy = options.policy;
  policy.source = plan.tokens.source;
  std::string all = arm.name + "\n" +
                    report::policy_json(policy).dump(-1, ' ', false, report::Json::error_handler_t::replace);
  for (const std::string& check : options.checks) all += "\n" + check;
  const std::string key = input::sha256_text(all);
  return lab::ArmStore(options.directory, lab::arm_key(plan, arm))
      .file("audit-" + key.substr(0, 16) + ".json");
}

/// The arm's audit as it is kept, or made and kept now: a run that is interrupted goes on with the next arm.
Expected<Report> audit_once(const lab::Experiment& plan, std::size_t index, const lab::Corpus& corpus,
                            const ArmAuditOptions& options, const Report::Experiment::Arm& entry) {
  const auto path = kept_audit(plan, plan.arms[index], options);
  std::error_code missing;
  if (std::filesystem::exists(path, missing)) {
    if (auto kept = read_report(path.string())) return kept;
  }
  auto report = audit_arm(plan, index, corpus, options, entry);
  if (!report) return report;
  if (auto written = input::write_atomically(path, report::write_json(*report)); !written)
    return tl::unexpected(written.error());
  // As read back, so that a kept audit and a fresh one are the same.
  return read_report(path.string());
}

/// Adds one arm's outcome of a check to what the arms before it came to.
void merge(const std::string& arm, const std::string& check, Outcome outcome, run::Outcomes& all) {
  auto* const ran = std::get_if<Ran>(&outcome);
  if (ran != nullptr) {
    ran->detection_limit.reset();
    ran->layers.clear();
    ran->measurements.clear();  // they stand with the arm
    for (Claim& claim : ran->claims) {
      claim.message = fmt::format("arm '{}': {}", arm, claim.message);
      if (!claim.witness.is_null()) claim.witness.set("arm", arm);
    }
  }
  const auto same = std::ranges::find_if(all, [&](const auto& entry) { return entry.first == check; });
  if (same == all.end()) {
    all.emplace_back(check, std::move(outcome));
  } else if (ran != nullptr) {
    if (auto* before = std::get_if<Ran>(&same->second)) {
      before->claims.insert(before->claims.end(), ran->claims.begin(), ran->claims.end());
    } else {
      same->second = std::move(outcome);
    }
  }
}

}  // namespace

Expected<run::Outcomes> audit_arms(const lab::Experiment& plan, const ArmAuditOptions& options,
                                   Report::Experiment& experiment) {
  const auto corpus = lab::Corpus::open(plan.tokens, plan.batch.positions);
  if (!corpus) return tl::unexpected(corpus.error());
  run::Outcomes all;
  for (std::size_t i = 0; i < plan.arms.size(); ++i) {
    auto report = audit_once(plan, i, *corpus, options, experiment.arms[i]);
    if (!report) return tl::unexpected(report.error());
    for (auto& [check, outcome] : run::outcomes_of(*report)) {
      merge(plan.arms[i].name, check, std::move(outcome), all);
    }
    experiment.arms[i].checks = std::move(report->checks);
    experiment.arms[i].detection_limit = std::move(report->detection_limit);
  }
  return all;
}

}  // namespace pastonly::session
