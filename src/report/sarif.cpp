#include "report/sarif.h"

#include <fmt/format.h>

#include <algorithm>

#include "input/text/printable.h"
#include "input/text/value_json.h"
#include "report/json_bytes.h"
#include "report/sarif_rules.h"
#include "report/told_findings.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

// Services take 25,000 results and 10 MB of gzip. What is below 10 MB without compression is so with it.
constexpr std::size_t most_results = 24'000;
constexpr std::size_t most_result_bytes = 8'000'000;
constexpr std::size_t most_witness_bytes = 4'000;
constexpr std::size_t most_artifacts = 1'000;
constexpr std::size_t most_notifications = 200;

/// As text of a message: "[name](0)" is a link there, and "{0}" a place for an argument.
std::string sarif_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (!out.empty() && ((out.back() == ']' && c == '(') || (out.back() == '{' && digit))) out += ' ';
    out += c;
  }
  return out;
}

Json sarif_location(const Report& report, const Report::Finding& finding) {
  const Report::Place place = place_of(report, finding);
  Json location = {
      {"physicalLocation",
       {{"artifactLocation", {{"uri", uri_of(place.file)}}}, {"region", {{"startLine", place.line}}}}}};
  if (!finding.layers.empty()) {
    location["logicalLocations"] = Json::array(
        {{{"fullyQualifiedName", cut_to(layers_in_words(finding.layers), 1000)}, {"kind", "module"}}});
  }
  return location;
}

Json sarif_properties(const ToldFinding& told) {
  Json out = {{"subject", input::printable(told.report->subject.name)}};
  if (told.finding->confidence) out["confidence"] = *told.finding->confidence;
  Json witness = input::json_of<Json>(told.finding->witness);
  each_string(witness, [](std::string_view text) { return input::printable(text); });
  if (!witness.is_null() &&
      witness.dump(-1, ' ', false, Json::error_handler_t::replace).size() <= most_witness_bytes)
    out["witness"] = std::move(witness);
  return out;
}

Json sarif_result(const ToldFinding& told, std::size_t rule_index) {
  Json result = {{"ruleId", told.rule},
                 {"ruleIndex", rule_index},
                 {"level", sarif_level(told.finding->severity)},
                 {"message", {{"text", sarif_text(told.message.empty() ? told.rule : told.message)}}},
                 {"locations", Json::array({sarif_location(*told.report, *told.finding)})},
                 {"partialFingerprints", {{"primaryLocationLineHash", told.fingerprint + ":1"}}}};
  if (told.finding->standing) {
    const std::string& state = told.finding->standing->state;
    result["baselineState"] = state == "new" ? "new" : state == "worse" ? "updated" : "unchanged";
  }
  if (told.finding->suppressed) {
    result["suppressions"] =
        Json::array({{{"kind", "external"},
                      {"status", "accepted"},
                      {"justification", cut_to(input::printable(*told.finding->suppressed), 2000)}}});
  }
  result["properties"] = sarif_properties(told);
  return result;
}

Json sarif_note(std::string_view level, const std::string& text) {
  return {{"level", level}, {"message", {{"text", sarif_text(cut_to(input::printable(text), 2000))}}}};
}

/// Why there is no pass where no finding says so, and what was not assessed.
Json sarif_notifications(const Report& report) {
  Json out = Json::array();
  if (report.verdict == Verdict::error || report.verdict == Verdict::inconclusive) {
    const char* level = report.verdict == Verdict::error ? "error" : "warning";
    for (const std::string& reason : report.verdict_reasons)
      out.push_back(sarif_note(level, fmt::format("{}: {}", name(report.verdict), reason)));
    if (report.verdict_reasons.empty()) out.push_back(sarif_note(level, std::string(name(report.verdict))));
  }
  for (const Report* one : all_of(report)) {
    const std::string of = report.beside.empty() ? "" : one->subject.name + ": ";
    for (const auto& row : one->not_assessed)
      out.push_back(sarif_note("note", fmt::format("{}not assessed: {}: {}", of, row.check, row.reason)));
  }
  if (out.size() > most_notifications) {
    const std::size_t more = out.size() - most_notifications;
    out.erase(out.begin() + static_cast<std::ptrdiff_t>(most_notifications), out.end());
    out.push_back(sarif_note("note", fmt::format("{} notifications more: the JSON report has all", more)));
  }
  return out;
}

Json sarif_invocation(const Report& report, Json notifications) {
  Json invocation = {{"executionSuccessful", report.verdict != Verdict::error},
                     {"exitCode", exit_code(report.verdict)},
                     {"exitCodeDescription", name(report.verdict)}};
  if (!report.run.started.empty()) invocation["startTimeUtc"] = input::printable(report.run.started);
  if (!notifications.empty()) invocation["toolExecutionNotifications"] = std::move(notifications);
  return invocation;
}

/// The files that were read, with their hashes.
Json sarif_artifacts(const Report& report) {
  Json out = Json::array();
  for (const Report* one : all_of(report)) {
    for (const FileRecord& file : one->subject.files) {
      if (out.size() >= most_artifacts) return out;
      Json artifact = {{"location", {{"uri", uri_of(file.path)}}},
                       {"length", file.bytes},
                       {"roles", Json::array({"analysisTarget"})}};
      if (!file.sha256.empty()) artifact["hashes"] = {{"sha-256", input::printable(file.sha256)}};
      if (std::ranges::find(out, artifact) == out.end()) out.push_back(std::move(artifact));
    }
  }
  return out;
}

Json sarif_driver(const Report& report, const SarifRules& rules) {
  Json driver = {{"name", "pastonly"}, {"rules", rules.rules}};
  if (!report.tool.version.empty()) {
    driver["version"] = input::printable(report.tool.version);
    driver["semanticVersion"] = input::printable(report.tool.version);
  }
  return driver;
}

}  // namespace

std::string write_sarif(const Report& report, const TextStyle&) {
  const auto findings = told_findings(report);
  const SarifRules rules(findings);
  Json results = Json::array(), notifications = sarif_notifications(report);
  std::size_t bytes = 0;
  for (const ToldFinding& told : findings) {
    Json result = sarif_result(told, rules.index_of(told.rule));
    bytes += result.dump(-1, ' ', false, Json::error_handler_t::replace).size();
    if (results.size() >= most_results || bytes > most_result_bytes) {
      notifications.push_back(sarif_note(
          "warning", fmt::format("Cut to {} of {} findings, the most severe: the JSON report has all.",
                                 results.size(), findings.size())));
      break;
    }
    results.push_back(std::move(result));
  }
  Json run = {{"tool", {{"driver", sarif_driver(report, rules)}}},
              {"invocations", Json::array({sarif_invocation(report, std::move(notifications))})},
              {"columnKind", "unicodeCodePoints"}};
  if (Json artifacts = sarif_artifacts(report); !artifacts.empty()) run["artifacts"] = std::move(artifacts);
  run["results"] = std::move(results);
  run["properties"] = {{"verdict", name(report.verdict)}, {"policy", input::printable(report.policy.name)}};
  const Json log = {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                    {"version", "2.1.0"},
                    {"runs", Json::array({run})}};
  return log.dump(findings.size() > 1'000 ? -1 : 1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace pastonly::report
