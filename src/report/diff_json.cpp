#include "report/baseline_json.h"
#include "report/diff.h"
#include "report/experiment_json.h"
#include "report/json.h"
#include "report/json_bytes.h"
#include "report/told_findings.h"

namespace pastonly::report {
namespace {

Json side_json(const std::string& file, const std::string& sha256, const Report& report) {
  return {{"report", file},
          {"sha256", sha256},
          {"version", report.tool.version},
          {"subject", report.subject.name},
          {"policy", report.policy.name},
          {"verdict", name(report.verdict)},
          {"verdict_reasons", report.verdict_reasons},
          {"detection_limit", limit_json(report.detection_limit)}};
}

Json found_json(const Diff& diff, std::string_view state) {
  Json out = Json::array();
  for (const Report* one : all_of(diff.b)) {
    for (const auto& finding : one->findings) {
      if (finding.standing && finding.standing->state == state) out.push_back(finding_json(finding));
    }
  }
  return out;
}

Json entries_json(const Diff& diff, std::string_view state) {
  Json out = Json::array();
  for (const Report* one : all_of(diff.b)) {
    if (!one->baseline) continue;
    Json all = baseline_json(*one->baseline)["entries"];
    for (Json& entry : all) {
      if (entry["state"] == state) out.push_back(std::move(entry));
    }
  }
  return out;
}

Json pairs_json(const std::vector<Diff::Pair>& pairs) {
  Json out = Json::array();
  for (const auto& pair : pairs) out.push_back({{"what", pair.what}, {"a", pair.a}, {"b", pair.b}});
  return out;
}

Json open_json(const std::vector<std::pair<std::string, std::string>>& rows) {
  Json out = Json::array();
  for (const auto& [check, reason] : rows) out.push_back({{"check", check}, {"reason", reason}});
  return out;
}

}  // namespace

std::string write_diff_json(const Diff& diff) {
  Json changed = Json::array();
  for (const auto& one : diff.changed)
    changed.push_back({{"what", one.what},
                       {"fingerprint", one.fingerprint},
                       {"a", measurement_json(one.a)},
                       {"b", measurement_json(one.b)}});
  const Json json{{"schema", "pastonly.diff/1"},
                  {"a", side_json(diff.a.name, diff.a.sha256, diff.a.report)},
                  {"b", side_json(diff.name_b, diff.sha256_b, diff.b)},
                  {"exit_code", exit_code(diff)},
                  {"new", found_json(diff, "new")},
                  {"worse", found_json(diff, "worse")},
                  {"in_both", found_json(diff, "accepted")},
                  {"gone", entries_json(diff, "gone")},
                  {"not_assessed_in_b", entries_json(diff, "not assessed")},
                  {"changed", std::move(changed)},
                  {"layers", pairs_json(diff.layers)},
                  {"open_in_a", open_json(diff.open_in_a)},
                  {"open_in_b", open_json(diff.open_in_b)},
                  {"files", {{"same", diff.same_files}, {"a", diff.files_a}, {"b", diff.files_b}}}};
  return text_of(json, 2) + "\n";
}

}  // namespace pastonly::report
