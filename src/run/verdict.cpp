#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "pastonly/names.h"
#include "run/fingerprint.h"
#include "run/judge.h"
#include "stats/first_few.h"
#include "stats/interval.h"

namespace pastonly {

std::string_view name(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::pass:
      return "pass";
    case Verdict::fail:
      return "fail";
    case Verdict::error:
      return "error";
    case Verdict::inconclusive:
      break;
  }
  return "inconclusive";
}

int exit_code(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::pass:
      return 0;
    case Verdict::fail:
      return 1;
    case Verdict::error:
      return 2;
    case Verdict::inconclusive:
      break;
  }
  return 3;
}

namespace run {
namespace {

using Reasons = std::vector<std::string>;

const Outcome* outcome_of(const Outcomes& outcomes, std::string_view check) {
  for (const auto& [id, outcome] : outcomes) {
    if (id == check) return &outcome;
  }
  return nullptr;
}

Reasons failures(const Policy& policy, const Report& report) {
  Reasons reasons;
  if (policy.fail_on == Severity::none) return reasons;
  for (const auto& finding : report.findings) {
    if (!finding.suppressed && finding.severity >= policy.fail_on) {
      reasons.push_back(fmt::format("{}: {}", finding.check, finding.message));
    }
  }
  return reasons;
}

Reasons errors(const Outcomes& outcomes, const Policy& policy, std::string_view today, const Report& report) {
  Reasons reasons;
  if (report.baseline && !report.baseline->problem.empty())
    reasons.push_back(fmt::format("baseline {}: {}. Write one of this subject with --write-baseline",
                                  report.baseline->name, report.baseline->problem));
  // One file that contradicts the plan stops many checks: they are named together.
  std::vector<std::pair<std::string, std::vector<std::string_view>>> stopped;  // message, checks
  for (const auto& [check, outcome] : outcomes) {
    const auto* error = std::get_if<Error>(&outcome);
    if (error == nullptr) continue;
    auto same = std::ranges::find_if(stopped, [&](const auto& row) { return row.first == error->message; });
    if (same == stopped.end()) same = stopped.insert(stopped.end(), {error->message, {}});
    same->second.push_back(check);
  }
  for (const auto& [message, checks] : stopped) {
    reasons.push_back(fmt::format("{} (checks not completed: {})", message, fmt::join(checks, ", ")));
  }
  for (const Policy::Ignore& ignore : policy.ignore) {
    if (today > ignore.expires) {
      reasons.push_back(fmt::format("the policy's ignore entry for {} expired on {}",
                                    ignore.check.empty() ? "fingerprint " + ignore.fingerprint : ignore.check,
                                    ignore.expires));
    }
  }
  return reasons;
}

/// What a checkpoint shows of its training: that no tried rule gives its loss more than the policy allows. ""
/// where it does, else the reason.
std::string unseen_training(const Outcomes& outcomes, const Policy& policy) {
  const Outcome* outcome = outcome_of(outcomes, check_id::forensic_sweep);
  const auto* ran = outcome != nullptr ? std::get_if<Ran>(outcome) : nullptr;
  if (ran == nullptr)
    return "; forensic-sweep, which did not run, would show what training left in the weights";
  for (const Measurement& measured : ran->measurements) {
    if (measured.name != measurement::sweep_limit) continue;
    if (measured.value <= policy.limits.sweep_bits) return "";
    return fmt::format(
        "; forensic-sweep leaves open a leak worth {:.3g} bits per token, the policy allows {:.3g}: "
        "give text like that of training (--tokens), or a larger --budget",
        measured.value, policy.limits.sweep_bits);
  }
  return "; forensic-sweep states no limit";
}

void missing_requirements(const Outcomes& outcomes, const Policy& policy, const Report& report,
                          const Company& company, Reasons& reasons) {
  for (const std::string& check : policy.require) {
    if (std::ranges::count(company.checks, check) > 0) continue;
    bool listed = false;
    for (const auto& row : report.not_assessed) {
      if (row.check != check) continue;
      reasons.push_back(fmt::format("{} is required: {}", check, row.reason));
      listed = true;
    }
    const Outcome* outcome = outcome_of(outcomes, check);
    const bool ran = outcome != nullptr && std::holds_alternative<Ran>(*outcome);
    if (!ran && !listed) reasons.push_back(fmt::format("{} is required and did not run", check));
  }
  for (const std::string& mode : policy.require_mode) {
    if (report.subject.mode == mode || std::ranges::count(company.modes, mode) > 0) continue;
    const bool trainable = mode == "train" && report.subject.kind == "checkpoint";
    const std::string open = trainable ? unseen_training(outcomes, policy) : std::string();
    if (trainable && open.empty()) continue;
    reasons.push_back(fmt::format(
        "{}ing-time routing was not audited: the policy requires mode {}, this subject has mode {}{}{}",
        mode == "train" ? "train" : "evaluat", mode, report.subject.mode, open,
        trainable ? ", or give the rule it was trained under with --rule" : ""));
  }
  if (std::max(report.subject.tokens, company.tokens) < policy.min_tokens) {
    reasons.push_back(fmt::format("{} token positions were audited, the policy requires {}",
                                  report.subject.tokens, policy.min_tokens));
  }
}

/// Whether decisions changed with the future, beyond chance. Where this is asked the policy let it pass: by
/// an ignore, by fail_on or by a severity.
bool tolerates_a_change(const Ran& ran) {
  return std::ranges::any_of(ran.claims, [](const Claim& claim) { return !claim::is_about_noise(claim.id); });
}

/// What was seen and not told from noise settles nothing, where the policy asks for the check.
void unsettled_changes(const Outcomes& outcomes, const Policy& policy, Reasons& reasons) {
  for (const auto& [check, outcome] : outcomes) {
    const auto* ran = std::get_if<Ran>(&outcome);
    const bool asked = check == check_id::causal_mask || std::ranges::count(policy.require, check) > 0;
    if (ran == nullptr || !asked) continue;
    for (const Claim& claim : ran->claims) {
      if (claim.id == claim::unsettled || claim.id == claim::unrecorded_decisions ||
          claim.id == claim::unanswered)
        reasons.push_back(fmt::format("{}: {}. {}", check, claim.message, claim.help));
    }
  }
}

/// What is significant alone, and not among all tests of the run, settles as little.
void open_changes(const Policy& policy, const Report& report, Reasons& reasons) {
  for (const auto& row : report.dismissed) {
    const bool asked =
        row.check == check_id::causal_mask || std::ranges::count(policy.require, row.check) > 0;
    const Claim& claim = row.claim;
    const bool limited = claim.amount && label_of(claim.amount->name).empty();
    if (!asked || limited || !(claim.p_value.value_or(1.0) <= policy.alpha)) continue;
    reasons.push_back(fmt::format("{}: {}. {}: record more repeats, or more changed runs", row.check,
                                  claim.message, row.reason));
  }
}

bool is_accepted(const Report::Finding& finding) {
  return finding.standing && finding.standing->state == "accepted";
}

/// Whether a baseline accepts every change that the interventions showed, and is asked of one at least.
bool accepts_the_changes(const Report& report) {
  bool any = false;
  for (const auto& finding : report.findings) {
    if (finding.check != check_id::causal_mask || claim::is_about_noise(finding.claim)) continue;
    if (!is_accepted(finding)) return false;
    any = true;
  }
  return any && std::ranges::none_of(report.dismissed, [](const auto& row) {
           return row.check == check_id::causal_mask && !claim::is_about_noise(row.claim.id);
         });
}

/// What a pass owes to a baseline.
Reasons accepted(const Report& report) {
  const auto count = std::ranges::count_if(report.findings, is_accepted);
  if (!report.baseline || count == 0) return {};
  return {fmt::format("{} finding{} as in the baseline {}, and accepted", count, count == 1 ? " is" : "s are",
                      report.baseline->name)};
}

/// A suspicion neither fails nor passes, whether a baseline knows it or not.
void suspicions(const Report& report, Reasons& reasons) {
  for (const auto& finding : report.findings) {
    if ((finding.suppressed && !is_accepted(finding)) || finding.severity < Severity::warning ||
        !claim::is_a_suspicion(finding.claim))
      continue;
    reasons.push_back(fmt::format("{}: {}. {}", finding.check, finding.message, finding.help));
  }
}

/// What to record so that no chunk width is unseen; "" where nothing is known that would do.
std::string suggestion(const DetectionLimit& limit) {
  std::string cuts;
  for (const auto& at : limit.suggested_cuts)
    cuts += fmt::format("{}cut {} in row {}", cuts.empty() ? "" : " and ", at.cut, at.row);
  return cuts.empty() ? "" : fmt::format("; a further suffix run would, with {}", cuts);
}

/// " (of the suffix runs, 4, 5 are no trials: ...)"; "" where every run is one.
std::string left_out_words(const DetectionLimit& limit) {
  std::string out;
  for (const auto& row : limit.left_out) {
    out += fmt::format("{}suffix run{} {}: {}", out.empty() ? " (" : "; ", row.runs.size() == 1 ? "" : "s",
                       stats::first_few(row.runs), row.reason);
  }
  return out.empty() ? "" : out + ")";
}

/// What the policy wants covered and the trials did not cover.
void uncovered(const Coverage& seen, const Policy::RequiredCoverage& wanted, Reasons& reasons) {
  const auto require = [&](double share, double least, std::string_view what) {
    if (share >= least) return;
    reasons.push_back(
        fmt::format("{:.1f}% of {}; the policy requires {:.1f}%", 100.0 * share, what, 100.0 * least));
  };
  require(seen.positions, wanted.positions,
          fmt::format("the positions of a row were compared (cuts at {} to {} of {})", seen.least_cut,
                      seen.most_cut, seen.length));
  require(seen.next_token, wanted.next_token, "the positions had their very next token redrawn");
  if (wanted.special > 0.0 && seen.special == 0) {
    reasons.push_back(
        "the policy requires special tokens in the trials, and nobody says which ids are special (a plan "
        "says it in "
        "model.special)");
  } else if (wanted.special > 0.0) {
    const auto share = [&](std::uint64_t ids) {
      return static_cast<double>(ids) / static_cast<double>(seen.special);
    };
    require(share(seen.special_before), wanted.special, "the special tokens stood before a cut");
    require(share(seen.special_redrawn), wanted.special, "the special tokens were redrawn");
  }
  require(seen.pairs, wanted.pairs, "the pairs of a position and a later one were covered by a trial");
}

/// A pass rests on interventions alone: without them, or where they could not have seen, there is none.
void weak_interventions(const Outcomes& outcomes, const Policy& policy, const Report& report,
                        const Company& company, Reasons& reasons) {
  const Outcome* outcome = outcome_of(outcomes, check_id::causal_mask);
  const auto* ran = outcome != nullptr ? std::get_if<Ran>(outcome) : nullptr;
  const auto& limit = report.detection_limit;
  if (ran == nullptr || !limit || limit->trials == 0) {
    const bool said = std::ranges::count(policy.require, check_id::causal_mask) > 0 &&
                      std::ranges::count(company.checks, check_id::causal_mask) == 0;
    if (!said || ran != nullptr) {
      reasons.push_back("no run changes later tokens" + (limit ? left_out_words(*limit) : std::string()) +
                        ", and observation without intervention never passes");
    }
    return;
  }
  if (!limit->unseen_chunks.empty()) {
    reasons.push_back(fmt::format("no cut can detect a rule with chunk width {}{}",
                                  fmt::join(limit->unseen_chunks, ", "), suggestion(*limit)));
  }
  if (policy.coverage.after_first_token && !limit->unseen_after_first.empty()) {
    reasons.push_back(fmt::format(
        "no cut can detect a rule with chunk width {} whose chunks begin after a first token{}",
        fmt::join(limit->unseen_after_first, ", "), limit->unseen_chunks.empty() ? suggestion(*limit) : ""));
  }
  if (!limit->unrecorded_layers.empty()) {
    reasons.push_back(fmt::format("the plan says that its model has layer{} {}, of which nothing is recorded",
                                  limit->unrecorded_layers.size() == 1 ? "" : "s",
                                  fmt::join(limit->unrecorded_layers, ", ")));
  }
  uncovered(limit->coverage, policy.coverage, reasons);
  // A rate of 1 rules nothing out, whatever the policy accepts.
  // Where all of what changed is known, the trials must be enough to have shown it.
  const double rate = accepts_the_changes(report)
                          ? stats::clopper_pearson_upper(0, limit->trials, policy.alpha)
                          : limit->trial_rate;
  const auto trials = fmt::format("{} trial{}", limit->trials, limit->trials == 1 ? "" : "s");
  if (limit->planted_share) {
    if (*limit->planted_share > policy.limits.planted_share) {
      reasons.push_back(fmt::format(
          "unchanged runs change by themselves: {}; the policy allows {:.2g}%. Run all of the plan under one "
          "seed, "
          "so that a token meets the same draws in every run, or record more suffix runs",
          *limit->planted_share >= 1.0
              ? std::string("no leak would be told from that")
              : fmt::format("a leak would be told from that where it changes {:.2g}% of a layer's decisions "
                            "before the cut",
                            100.0 * *limit->planted_share),
          100.0 * policy.limits.planted_share));
    }
  } else if (rate >= 1.0) {
    reasons.push_back(trials + " with redrawn later tokens exclude no leak rate: " +
                      (tolerates_a_change(*ran) ? "decisions changed, which the policy tolerates"
                                                : "plain repeats change decisions as well"));
  } else if (rate > policy.limits.trial_rate) {
    reasons.push_back(
        fmt::format("{} with redrawn later tokens leave open that up to {:.1f}% of redraws change routing; "
                    "the policy allows {:.1f}%",
                    trials, 100.0 * rate, 100.0 * policy.limits.trial_rate));
  }
}

}  // namespace

void decide(const Outcomes& outcomes, const Policy& policy, std::string_view today, Report& report,
            const Company& company) {
  const auto conclude = [&](Verdict verdict, Reasons reasons) {
    report.verdict = verdict;
    report.verdict_reasons = std::move(reasons);
  };
  if (auto reasons = failures(policy, report); !reasons.empty()) {
    return conclude(Verdict::fail, std::move(reasons));
  }
  if (auto reasons = errors(outcomes, policy, today, report); !reasons.empty()) {
    return conclude(Verdict::error, std::move(reasons));
  }
  // Two recordings are compared, not audited: what an audit's pass rests on is not asked of them.
  if (outcome_of(outcomes, check_id::same_routes) != nullptr)
    return conclude(Verdict::pass, accepted(report));
  Reasons reasons;
  missing_requirements(outcomes, policy, report, company, reasons);
  weak_interventions(outcomes, policy, report, company, reasons);
  unsettled_changes(outcomes, policy, reasons);
  open_changes(policy, report, reasons);
  suspicions(report, reasons);
  const Verdict verdict = reasons.empty() ? Verdict::pass : Verdict::inconclusive;
  conclude(verdict, verdict == Verdict::pass ? accepted(report) : std::move(reasons));
}

}  // namespace run
}  // namespace pastonly
