#include <fmt/format.h>

#include "pastonly/names.h"
#include "run/judge.h"

namespace pastonly::run {
namespace {

Claim claim_of(const Report::Finding& finding) {
  Claim claim;
  claim.id = finding.claim;
  claim.basis = finding.basis;
  claim.p_value = finding.p_value;
  claim.amount = finding.amount;
  claim.message = finding.message;
  for (const std::uint32_t layer : finding.layers) claim.layers.push_back(LayerIndex{layer});
  claim.witness = finding.witness;
  claim.help = finding.help;
  return claim;
}

}  // namespace

Outcomes outcomes_of(const Report& report) {
  Outcomes outcomes;
  for (const auto& entry : report.checks) {
    if (entry.status == "skipped") {
      outcomes.emplace_back(entry.id, Skipped{entry.reason});
      continue;
    }
    if (entry.status == "error") {
      outcomes.emplace_back(entry.id, Error{Error::Kind::input, entry.reason});
      continue;
    }
    Ran ran;
    ran.measurements = entry.measurements;
    for (const auto& finding : report.findings) {
      if (finding.check == entry.id) ran.claims.push_back(claim_of(finding));
    }
    for (const auto& dismissed : report.dismissed) {
      if (dismissed.check == entry.id) ran.claims.push_back(dismissed.claim);
    }
    if (entry.id == check_id::causal_mask) ran.detection_limit = report.detection_limit;
    outcomes.emplace_back(entry.id, std::move(ran));
  }
  return outcomes;
}

Expected<Report> judge_again(Report report, const Policy& policy, std::string_view today) {
  if (policy.alpha != report.policy.alpha) {
    return usage_error(
        fmt::format("policy {} has alpha {:g}, the report was measured at {:g}: intervals and detection "
                    "limit would differ. "
                    "Run the audit again",
                    policy.name, policy.alpha, report.policy.alpha));
  }
  // A policy that names no source accepts the one that the audit was told or drew from.
  Policy as_measured = policy;
  if (!policy.source) as_measured.source = report.policy.source;
  if (as_measured.source != report.policy.source) {
    return usage_error(fmt::format(
        "policy {} names another source than the one the report was measured with. Run the audit again",
        policy.name));
  }
  if (report.beside.empty()) {
    judge(outcomes_of(report), as_measured, today, report);
  } else if (auto judged = judge_together(as_measured, today, report); !judged) {
    return tl::unexpected(judged.error());
  }
  return report;
}

}  // namespace pastonly::run
