#include "run/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "audits/checks.h"
#include "pastonly/version.h"
#include "run/facts.h"
#include "run/judge.h"
#include "run/workload.h"

namespace pastonly::run {
namespace {

Expected<std::vector<const Check*>> wanted(const std::vector<std::string>& ids) {
  std::vector<const Check*> checks;
  for (const std::string& id : ids) {
    const Check* check = find_check(id);
    if (check == nullptr)
      return usage_error(fmt::format("no check is called '{}'; see pastonly explain", id));
    if (check->needs.pair)
      return usage_error(fmt::format("{} takes two recordings: pastonly compare A B", id));
  }
  for (const Check& check : all_checks()) {
    if (check.needs.pair) continue;
    if (ids.empty() || std::ranges::count(ids, check.id) > 0) checks.push_back(&check);
  }
  return checks;
}

Outcome run_one(const Check& check, const Capabilities& capabilities, const CheckContext& context) {
  if (auto lacking = unmet(check.needs, capabilities, context.policy); !lacking.empty()) {
    return Skipped{std::move(lacking)};
  }
  Outcome outcome = check.run(context);
  // A run that nobody recorded is not a failure of the check.
  if (const auto* error = std::get_if<Error>(&outcome); error && error->kind == Error::Kind::not_recorded) {
    return Skipped{error->message};
  }
  return outcome;
}

struct Checked {
  Outcomes outcomes;
  std::vector<Report::CheckEntry> entries;
};

/// One check after the other: each spreads over all threads itself, layer by layer, so running two at
/// once would only make them wait for each other's shared evidence.
Expected<Checked> run_checks(const std::vector<const Check*>& checks, const Capabilities& capabilities,
                             const CheckContext& context, const Watch& watch) {
  Checked checked;
  for (std::size_t i = 0; i < checks.size(); ++i) {
    context.observations.meter().begin(1 + i, checks[i]->id);
    const auto start = std::chrono::steady_clock::now();
    Outcome outcome = run_one(*checks[i], capabilities, context);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const auto* error = std::get_if<Error>(&outcome);
    if (watch.stop() || (error != nullptr && error->kind == Error::Kind::interrupted)) {
      return tl::unexpected(Error{Error::Kind::interrupted, "interrupted"});
    }
    checked.entries.push_back(entry_of(checks[i]->id, outcome, seconds.count()));
    checked.outcomes.emplace_back(checks[i]->id, std::move(outcome));
  }
  return checked;
}

/// The plan's second run: some subjects have made the first before they are opened. Its errors are those of
/// the checks that read it.
double seconds_of_run(evidence::Observations& observations) {
  if (observations.runs().size() < 2) return 0.0;
  const auto start = std::chrono::steady_clock::now();
  static_cast<void>(observations.trace(observations.runs()[1]));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// What was remarked while the subject was opened is trace-integrity's to tell, and not lost without it.
std::string not_selected(const Check& check, const Subject& subject, const Trace& base) {
  std::string out = "not selected (--check)";
  if (check.id != audits::trace_integrity_check.id) return out;
  constexpr std::size_t most = 4;
  std::vector<TraceIssue> issues = subject.info().issues;
  issues.insert(issues.end(), base.issues.begin(), base.issues.end());
  for (std::size_t i = 0; i < std::min(most, issues.size()); ++i)
    out += fmt::format("{}{}", i == 0 ? "; it would say: " : "; ", issues[i].message);
  if (issues.size() > most) out += fmt::format("; and {} remarks more", issues.size() - most);
  return out;
}

Report::SubjectEntry subject_of(const SubjectInfo& info, evidence::Observations& observations) {
  Report::SubjectEntry entry;
  entry.kind = info.kind;
  entry.name = info.name;
  entry.mode = name(info.mode);
  entry.stage = name(info.stage);
  entry.files = info.files;
  entry.tokens = distinct_tokens(observations);
  entry.vocab = info.vocab;
  return entry;
}

}  // namespace

std::string unmet(const Needs& needs, const Capabilities& capabilities, const Policy& policy) {
  if ((needs.routes || needs.scores || needs.gates) && !capabilities.routes) return "no layer routes";
  if (needs.scores && !capabilities.scores) return "the trace holds no scores or logits";
  if (needs.gates && !capabilities.gates) return "the trace holds no gates";
  if (needs.log_probs && !capabilities.log_probs) return "the trace holds no log-probabilities (logprobs)";
  if (needs.tokens && !capabilities.tokens) return "the trace holds no token ids";
  if (needs.source && !policy.source) {
    return "the tokens' source is not given (--source uniform:V or markov:..., or \"source\" in the policy)";
  }
  if (needs.weights && !capabilities.weights)
    return "the weights of routers and experts are not known (traces and plans hold none: audit the "
           "checkpoint; experts that score themselves have no router)";
  return "";
}

Expected<Report> audit(Subject& subject, const Policy& policy, const AuditOptions& options) {
  const auto checks = wanted(options.checks);
  if (!checks) return tl::unexpected(checks.error());

  evidence::Observations observations(subject, options.watch);
  auto base = observations.base();
  if (!base) return tl::unexpected(base.error());
  observations.meter().expect(work_of(*checks, subject, policy, *base));
  if (subject.capabilities().live)
    options.told({subject.interventions().size(), runs_beyond_plan(*checks, subject, policy, base->layout),
                  base->layout, seconds_of_run(observations)});

  const CheckContext context{observations, policy, options.seed};
  auto checked = run_checks(*checks, subject.capabilities(), context, options.watch);
  if (!checked) return tl::unexpected(checked.error());

  Report report;
  report.tool = {"pastonly", std::string(version()), std::string(commit())};
  report.run.seed = options.seed;
  report.subject = subject_of(subject.info(), observations);
  report.subject.run_tokens = valid_tokens(*base);
  report.checks = std::move(checked->entries);
  report.layers = layers_of(*base, checked->outcomes);
  report.totals = totals_of(report.layers, checked->outcomes, report.subject.vocab);
  report.not_assessed = missing_runs(subject);
  for (const Check& check : all_checks()) {
    const bool asked = std::ranges::count(*checks, &check) > 0 || check.needs.pair;
    if (!asked) report.not_assessed.push_back({std::string(check.id), not_selected(check, subject, *base)});
  }
  judge(checked->outcomes, policy, options.today, report);
  return report;
}

}  // namespace pastonly::run
