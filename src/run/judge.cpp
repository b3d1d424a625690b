#include "run/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "pastonly/names.h"
#include "run/baseline.h"
#include "run/fingerprint.h"
#include "stats/holm.h"

namespace pastonly::run {
namespace {

struct Stated {
  const std::string* check;
  const Claim* claim;
  std::optional<double> adjusted;  ///< p after Holm's correction
};

std::vector<Stated> collect(const Outcomes& outcomes) {
  std::vector<Stated> stated;
  for (const auto& [check, outcome] : outcomes) {
    const auto* ran = std::get_if<Ran>(&outcome);
    if (ran == nullptr) continue;
    for (const Claim& claim : ran->claims) stated.push_back({&check, &claim, std::nullopt});
  }
  return stated;
}

void correct(const Company& company, std::vector<Stated>& stated) {
  std::vector<double> p_values;
  for (const Stated& one : stated) {
    if (one.claim->basis == Claim::Basis::statistical && one.claim->p_value) {
      p_values.push_back(*one.claim->p_value);
    }
  }
  p_values.insert(p_values.end(), company.p_values.begin(), company.p_values.end());
  const auto adjusted = stats::holm_adjusted(p_values);
  std::size_t next = 0;
  for (Stated& one : stated) {
    if (one.claim->basis == Claim::Basis::statistical && one.claim->p_value) one.adjusted = adjusted[next++];
  }
}

/// The policy limit that an amount is held against: leaks by their unit, drops by their name. What another
/// rule gains in the forensic sweep need not be learned.
std::optional<double> limit_of(const Measurement& amount, const Policy::Limits& limits) {
  for (const char* swept :
       {measurement::drop_below_causal, measurement::drop_below_company, measurement::drop_below_shuffled}) {
    if (amount.name == swept) return limits.sweep_bits;
  }
  // Hazards of a kind, and what one arm of training logs gains over another.
  if (!label_of(amount.name).empty()) return std::nullopt;
  if (amount.name == measurement::drop_rate) return limits.drop_rate;
  if (amount.name == measurement::differing_tokens) return limits.mismatch_tokens;
  if (amount.name == measurement::lost_routes) return limits.mismatch_routes;
  if (amount.name == measurement::near_ties) return limits.near_ties;
  if (amount.unit.starts_with("bits")) return limits.leak_bits;
  return std::nullopt;
}

Severity severity_of(std::string_view check, std::string_view claim, const Policy& policy) {
  if (const auto exact = policy.severity.find(fmt::format("{}/{}", check, claim));
      exact != policy.severity.end()) {
    return exact->second;
  }
  if (claim::is_about_noise(claim)) return Severity::note;
  const auto whole = policy.severity.find(check);
  if (whole == policy.severity.end()) return Severity::note;
  return claim::is_a_suspicion(claim) ? std::min(whole->second, Severity::warning) : whole->second;
}

/// Why a claim is no finding; nothing where it is one.
std::optional<std::string> dismissal(const Stated& stated, const Policy& policy) {
  const Claim& claim = *stated.claim;
  const auto limit = claim.amount ? limit_of(*claim.amount, policy.limits) : std::nullopt;
  if (claim.basis == Claim::Basis::statistical) {
    if (stated.adjusted && *stated.adjusted > policy.alpha) {
      return fmt::format("not significant: p = {:.3g} over all tests of the run, level {:g}",
                         *stated.adjusted, policy.alpha);
    }
    if (!stated.adjusted && !limit) return "no p-value, and the policy has no limit for it";
  }
  if (limit && claim.amount->lower.value_or(claim.amount->value) <= *limit) {
    return fmt::format("within the limit: {} is at least {:.4g} {}, limit {:g}", claim.amount->name,
                       claim.amount->lower.value_or(claim.amount->value), claim.amount->unit, *limit);
  }
  if (severity_of(*stated.check, claim.id, policy) == Severity::none)
    return "the policy sets its severity to none";
  return std::nullopt;
}

std::optional<std::string> suppressed_by(const Report::Finding& finding, const Policy& policy,
                                         std::string_view today) {
  for (const Policy::Ignore& ignore : policy.ignore) {
    const bool named = ignore.check.empty() || ignore.check == finding.check ||
                       ignore.check == fmt::format("{}/{}", finding.check, finding.claim);
    const bool meant = ignore.fingerprint.empty() || ignore.fingerprint == finding.fingerprint;
    if (!named || !meant || today > ignore.expires) continue;
    const auto covered = [&](std::uint32_t layer) { return std::ranges::count(ignore.layers, layer) > 0; };
    if (ignore.layers.empty() || (!finding.layers.empty() && std::ranges::all_of(finding.layers, covered))) {
      return ignore.reason;
    }
  }
  return std::nullopt;
}

Report::Finding finding_of(const Stated& stated, const Policy& policy, std::string_view today,
                           const Report& report) {
  const Claim& claim = *stated.claim;
  Report::Finding finding;
  finding.check = *stated.check;
  finding.claim = claim.id;
  finding.severity = severity_of(finding.check, claim.id, policy);
  if (claim.basis == Claim::Basis::proof) finding.confidence = 1.0;
  if (stated.adjusted) finding.confidence = 1.0 - *stated.adjusted;
  finding.message = claim.message;
  for (const LayerIndex layer : claim.layers) finding.layers.push_back(raw(layer));
  finding.witness = claim.witness;
  finding.fingerprint = fingerprint(finding.check, claim.id, finding.layers, rules_of(report, finding.layers),
                                    claim.amount ? label_of(claim.amount->name) : "");
  finding.help = claim.help;
  finding.basis = claim.basis;
  finding.p_value = claim.p_value;
  finding.amount = claim.amount;
  finding.suppressed = suppressed_by(finding, policy, today);
  return finding;
}

void add_not_assessed(Report& report, const std::string& check, const std::string& reason) {
  const auto same = [&](const Report::NotAssessed& row) {
    return row.check == check && row.reason == reason;
  };
  if (std::ranges::none_of(report.not_assessed, same)) report.not_assessed.push_back({check, reason});
}

}  // namespace

void judge(const Outcomes& outcomes, const Policy& policy, std::string_view today, Report& report,
           const Company& company) {
  report.policy = policy;
  report.findings.clear();
  report.dismissed.clear();
  report.detection_limit.reset();
  auto stated = collect(outcomes);
  correct(company, stated);
  for (const Stated& one : stated) {
    if (auto reason = dismissal(one, policy)) {
      report.dismissed.push_back({*one.check, *one.claim, *std::move(reason)});
    } else {
      report.findings.push_back(finding_of(one, policy, today, report));
    }
  }
  hold_against_baseline(report);
  std::ranges::stable_sort(report.findings, [](const auto& a, const auto& b) {
    if (a.suppressed.has_value() != b.suppressed.has_value()) return b.suppressed.has_value();
    if (a.severity != b.severity) return a.severity > b.severity;
    return a.basis < b.basis;  // what is proven stands before what is estimated or observed
  });
  for (const auto& [check, outcome] : outcomes) {
    if (const auto* ran = std::get_if<Ran>(&outcome); ran != nullptr && ran->detection_limit) {
      report.detection_limit = ran->detection_limit;
    }
    if (const auto* skipped = std::get_if<Skipped>(&outcome))
      add_not_assessed(report, check, skipped->reason);
    if (const auto* error = std::get_if<Error>(&outcome)) add_not_assessed(report, check, error->message);
  }
  decide(outcomes, policy, today, report, company);
}

Report::CheckEntry entry_of(std::string_view check, const Outcome& outcome, double seconds) {
  Report::CheckEntry entry{std::string(check), "ran", "", seconds, {}, {}};
  if (const auto* ran = std::get_if<Ran>(&outcome)) {
    entry.measurements = ran->measurements;
    entry.charts = ran->charts;
  }
  if (const auto* skipped = std::get_if<Skipped>(&outcome)) {
    entry.status = "skipped";
    entry.reason = skipped->reason;
  }
  if (const auto* error = std::get_if<Error>(&outcome)) {
    entry.status = "error";
    entry.reason = error->message;
  }
  return entry;
}

}  // namespace pastonly::run
