#include "report/html_sections.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "pastonly/check.h"
#include "pastonly/names.h"
#include "report/baseline_words.h"
#include "report/finding_families.h"
#include "report/html_charts.h"
#include "report/html_parts.h"
#include "report/html_witness.h"
#include "report/layer_words.h"
#include "report/limit_words.h"
#include "report/told_findings.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

constexpr std::size_t most_articles = 200;
constexpr std::size_t longest_html_text = 4'000;

std::string html_words(const std::string& text, std::string_view style = "") {
  return html_paragraph(cut_to(text, longest_html_text), style);
}

std::string finding_article(const Kin& kin) {
  const Report::Finding& finding = *kin.first;
  std::string out = fmt::format("<article class=\"is-{0}\"><h3><span class=\"tag {0}\">{0}</span> {1}</h3>\n",
                                name(finding.severity), xml_text(cut_to(heading_of(kin), longest_html_text)));
  out += html_words(placed_message(finding));
  if (!kin.arms.empty()) {
    out += html_words(fmt::format("Also: {}.", fmt::join(kin.arms, "; ")), "muted");
  } else if (kin.more > 0) {
    out += html_paragraph(fmt::format("{} more like it.", kin.more), "muted");
  }
  if (const auto what = finding.witness.text_or("what", ""); finding.place && !what.empty())
    out += html_words("Why: " + what);
  if (finding.severity >= Severity::warning) {
    out += html_witness(finding.witness);
    if (!finding.help.empty()) out += html_words((finding.place ? "Instead: " : "") + finding.help);
  }
  if (const auto standing = standing_in_words(finding); !standing.empty())
    out += html_words(standing, "muted");
  return out + "</article>\n";
}

std::string counterexamples(const Report& report) {
  const bool arms = std::ranges::any_of(
      report.findings, [](const auto& finding) { return finding.witness.find("arm") != nullptr; });
  std::vector<Row> rows{{"layer", "rule that fails", "where"}};
  if (arms) rows.front().insert(rows.front().begin(), "arm");
  for (const auto& finding : report.findings) {
    const Value::Array* list = finding.witness.array("counterexamples");
    if (list == nullptr) continue;
    const Value* layer = finding.witness.find("layer");
    for (const Value& one : *list) {
      rows.push_back(
          {layer != nullptr ? in_words(*layer) : "-", one.text_or("rule", "-"), one.text_or("message", "-")});
      if (arms) rows.back().insert(rows.back().begin(), finding.witness.text_or("arm", "-"));
    }
  }
  return html_table("Where other rules fail", rows);
}

std::string checks_table(const std::vector<Report::CheckEntry>& checks) {
  std::vector<Row> rows{{"check", "what it is", "status", "seconds"}};
  for (const auto& entry : checks) {
    const Check* check = find_check(entry.id);
    rows.push_back({entry.id, check != nullptr ? std::string(check->title) : "-",
                    entry.reason.empty() ? entry.status : entry.status + ": " + entry.reason,
                    fmt::format("{:.3f}", entry.seconds)});
  }
  return html_table("Checks", rows);
}

std::string figures_table(const std::vector<Report::CheckEntry>& checks) {
  const auto end = [](const std::optional<double>& value) {
    return value ? fmt::format("{:.6g}", *value) : "-";
  };
  std::vector<Row> rows{{"figure", "check", "layer", "value", "from", "to", "unit", "samples"}};
  for (const auto& check : checks) {
    for (const Measurement& m : check.measurements)
      rows.push_back({m.name, check.id, m.layer ? fmt::format("{}", raw(*m.layer)) : "-",
                      fmt::format("{:.6g}", m.value), end(m.lower), end(m.upper), m.unit,
                      fmt::format("{}", m.samples)});
  }
  return html_table("Every figure that was measured", rows);
}

std::string files_table(const Report& report) {
  std::vector<Row> rows{{"file", "bytes", "SHA-256"}};
  for (const FileRecord& file : report.subject.files)
    rows.push_back({file.path, grouped(file.bytes), file.sha256.empty() ? "-" : file.sha256});
  if (report.subject.kind != "configuration") return html_table("Files that were read", rows);
  return html_table(
      fmt::format("{} files with options that are known, of {} read", report.subject.files.size(),
                  report.subject.options.integer("read").value_or(0)),
      rows);
}

/// What a policy says of two recordings; the rest is of audits.
std::string comparison_policy(const Policy& policy, std::vector<Row> rows) {
  const std::string_view check = check_id::same_routes;
  rows.push_back({"significance of intervals", fmt::format("{:g}", policy.alpha)});
  rows.push_back({"tokens at least", grouped(policy.min_tokens)});
  const auto percent = [](double share) { return fmt::format("{:g}%", 100.0 * share); };
  rows.push_back({"tokens with other experts, at most", percent(policy.limits.mismatch_tokens)});
  rows.push_back({"routes lost, at most", percent(policy.limits.mismatch_routes)});
  rows.push_back({"decisions at near ties, at most", percent(policy.limits.near_ties)});
  for (const auto& [claim, severity] : policy.severity) {
    if (std::string_view(claim).substr(0, claim.find('/')) == check)
      rows.push_back({"severity of " + claim, std::string(name(severity))});
  }
  for (const auto& ignore : policy.ignore) {
    if (ignore.check.substr(0, ignore.check.find('/')) == check)
      rows.push_back(
          {"ignores " + ignore.check, fmt::format("{} (until {})", ignore.reason, ignore.expires)});
  }
  return html_table("Policy", rows);
}

std::string policy_table(const Policy& policy, bool compared) {
  std::vector<Row> rows{{"rule of the policy", "value"}};
  rows.push_back({"name", policy.name});
  rows.push_back({"fails on", std::string(name(policy.fail_on))});
  if (compared) return comparison_policy(policy, std::move(rows));
  rows.push_back(
      {"requires checks", policy.require.empty() ? "-" : fmt::format("{}", fmt::join(policy.require, ", "))});
  rows.push_back({"requires modes", policy.require_mode.empty()
                                        ? "-"
                                        : fmt::format("{}", fmt::join(policy.require_mode, ", "))});
  rows.push_back({"significance over all tests", fmt::format("{:g}", policy.alpha)});
  rows.push_back({"tokens at least", grouped(policy.min_tokens)});
  rows.push_back({"source of the tokens", policy.source ? name(*policy.source) : "-"});
  for (const auto& [claim, severity] : policy.severity)
    rows.push_back({"severity of " + claim, std::string(name(severity))});
  for (const auto& ignore : policy.ignore)
    rows.push_back({"ignores " + ignore.check, fmt::format("{} (until {})", ignore.reason, ignore.expires)});
  return html_table("Policy", rows);
}

std::string method_words(std::string_view kind) {
  if (kind == "comparison")
    return "Both recordings hold the same tokens. Rows and layers are brought together first; then routes, "
           "gates, scores and "
           "log-probabilities are compared. Routes that rounding may have turned (near ties) are counted "
           "apart.";
  if (kind == "logs")
    return "Losses of trainings are compared. They are evidence alone: an intervention on a model is needed "
           "for proof.";
  return "An intervention proves: tokens after a cut are redrawn in a batch of the same shape, and every "
         "decision before the "
         "cut is compared. A statistic suggests, and counts only where it holds among all tests of the "
         "audit. An observation "
         "alone never passes.";
}

}  // namespace

std::string html_findings(const Report& report) {
  auto kin = families(report.findings);
  std::ranges::stable_sort(kin, std::ranges::greater{}, [](const Kin& one) { return one.first->severity; });
  std::string out, notes;
  std::size_t count = 0;
  for (std::size_t i = 0; i < std::min(kin.size(), most_articles); ++i) {
    const bool note = kin[i].first->severity <= Severity::note || kin[i].first->suppressed;
    (note ? notes : out) += finding_article(kin[i]);
    count += note ? 1 : 0;
  }
  if (kin.size() > most_articles)
    out += html_paragraph(fmt::format("… and {} more: the JSON report has all.", kin.size() - most_articles),
                          "muted");
  return out + html_details(fmt::format("{} note{} or ignored", count, count == 1 ? "" : "s"), notes);
}

std::string html_layers(const Report& report) {
  const auto rates = flip_rates(report);
  std::vector<Row> rows{{"layer", "rule", "causal", "flips", "floor, bits", "leak, bits", "origin"}};
  for (const auto& layer : report.layers) {
    const auto rate = rates.find(layer.index);
    rows.push_back({fmt::format("{}", layer.index), layer.facts.rule ? rule_in_words(*layer.facts.rule) : "-",
                    causal_word(layer),
                    rate == rates.end() ? "-" : fmt::format("{:.2f}%", 100.0 * rate->second),
                    bound_words(layer), leak_words(layer), origin_words(layer)});
  }
  return html_table("The rule and the figures of each layer", rows);
}

std::string html_rules(const Report& report) {
  std::vector<Row> rows{{"layer", "rule", "causal", "decisions explained", "parameters", "as good as"}};
  for (const auto& layer : report.layers) {
    if (!layer.facts.rule) continue;
    for (const RuleCandidate& one : layer.facts.rule->candidates) {
      rows.push_back({fmt::format("{}", layer.index), one.id,
                      !one.causal   ? "open"
                      : *one.causal ? "yes"
                                    : "NO",
                      fmt::format("{:.4g}%", 100.0 * one.explained), parameters_in_words(one.parameters),
                      one.equivalents.empty() ? "-" : fmt::format("{}", fmt::join(one.equivalents, ", "))});
    }
    if (layer.facts.rule->candidates.empty())
      rows.push_back({fmt::format("{}", layer.index), rule_in_words(*layer.facts.rule), causal_word(layer),
                      fmt::format("{:.4g}%", 100.0 * layer.facts.rule->explained), "-", "-"});
  }
  return html_table("Rules that explain the recorded decisions", rows) + counterexamples(report);
}

std::string html_gaps(const Report& report) {
  // What one reason keeps from all of them is said once.
  std::vector<Row> rows{{"check", "reason"}};
  std::map<std::string_view, std::size_t> place;  // by reason, in rows
  std::set<std::pair<std::string_view, std::string_view>> told;
  for (const auto& row : report.not_assessed) {
    if (!told.emplace(row.reason, row.check).second) continue;
    const auto [at, added] = place.emplace(row.reason, rows.size());
    if (added)
      rows.push_back({row.check, row.reason});
    else
      rows[at->second][0] += ", " + row.check;
  }
  for (Row& row : rows) row[0] = cut_to(row[0], longest_html_text);
  return html_table("What was not assessed, and why", rows);
}

std::string html_method(const Report& report) {
  // Nothing is run, and no token is seen.
  if (report.subject.kind == "configuration") return files_table(report);
  std::string out = html_words(method_words(report.subject.kind));
  out += html_words(limit_in_words(report)) + html_coverage_figure(report);
  std::vector<Report::CheckEntry> checks = report.checks;
  if (report.experiment) {
    for (const auto& arm : report.experiment->arms) {
      for (Report::CheckEntry entry : arm.checks) {
        entry.id += ", " + arm.name;
        checks.push_back(std::move(entry));
      }
    }
  }
  out += html_details("Checks", checks_table(checks));
  out += html_details("Every figure", figures_table(checks));
  out += html_details("Policy", policy_table(report.policy, report.subject.kind == "comparison"));
  return out + html_details("Files", files_table(report));
}

}  // namespace pastonly::report
