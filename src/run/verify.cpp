#include "run/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "run/verify_parts.h"

namespace pastonly::run {
namespace {

bool close(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::abs(a - b) <= 1e-6 * std::max({std::abs(a), std::abs(b), 1e-12});
}
bool close(const std::optional<double>& a, const std::optional<double>& b) {
  return a.has_value() == b.has_value() && (!a || close(*a, *b));
}

std::string shown(const std::optional<double>& number) {
  return number ? fmt::format("{:.6g}", *number) : "none";
}

bool same_measurement(const Measurement& a, const Measurement& b) {
  return close(a.value, b.value) && close(a.lower, b.lower) && close(a.upper, b.upper) &&
         a.samples == b.samples && a.unit == b.unit;
}

bool same_numbers(const std::vector<double>& a, const std::vector<double>& b) {
  return std::ranges::equal(a, b, [](double x, double y) { return close(x, y); });
}

bool same_series(const Chart::Series& a, const Chart::Series& b) {
  return a.name == b.name && a.labels == b.labels && same_numbers(a.x, b.x) && same_numbers(a.y, b.y) &&
         same_numbers(a.lower, b.lower) && same_numbers(a.upper, b.upper);
}

bool same_chart(const Chart& a, const Chart& b) {
  return a.id == b.id && a.kind == b.kind && a.title == b.title && a.x == b.x && a.y == b.y &&
         a.about == b.about && a.forbidden == b.forbidden && a.rows == b.rows && a.columns == b.columns &&
         a.unit == b.unit && close(a.neutral, b.neutral) && same_numbers(a.values, b.values) &&
         std::ranges::equal(a.series, b.series, same_series);
}

std::string where(const Report::Finding& finding) {
  std::string out = fmt::format("{}/{}", finding.check, finding.claim);
  for (std::size_t i = 0; i < finding.layers.size(); ++i) {
    out += fmt::format("{}{}", i == 0 ? (finding.layers.size() > 1 ? ", layers " : ", layer ") : " ",
                       finding.layers[i]);
  }
  return out;
}

/// "" where the finding was found again as stated.
std::string difference(const Report::Finding& stated, const Report::Finding& again) {
  if (stated.check != again.check || stated.claim != again.claim)
    return fmt::format("recomputed as {}/{}", again.check, again.claim);
  if (stated.basis != again.basis) return "its basis differs";
  if (stated.help != again.help) return "its help differs";
  if (stated.severity != again.severity) {
    return fmt::format("severity: stated {}, recomputed {}", name(stated.severity), name(again.severity));
  }
  const auto standing = [](const Report::Finding& one) {
    return one.standing ? one.standing->state + one.standing->why : std::string();
  };
  if (standing(stated) != standing(again)) return "its standing to the baseline differs";
  if (stated.suppressed != again.suppressed) return "whether it is suppressed differs";
  if (!close(stated.p_value, again.p_value)) {
    return fmt::format("p-value: stated {}, recomputed {}", shown(stated.p_value), shown(again.p_value));
  }
  if (!close(stated.confidence, again.confidence)) {
    return fmt::format("confidence: stated {}, recomputed {}", shown(stated.confidence),
                       shown(again.confidence));
  }
  const bool amounts = stated.amount.has_value() == again.amount.has_value() &&
                       (!stated.amount || same_measurement(*stated.amount, *again.amount));
  if (!amounts) return "its amount differs";
  if (stated.layers != again.layers) return "its layers differ";
  if (!agree(stated.witness, again.witness)) return "its witness differs";
  if (stated.message != again.message) return fmt::format("recomputed: {}", again.message);
  return "";
}

void compare_findings(const Report& stated, const Report& recomputed, std::vector<Statement>& held) {
  std::vector<bool> used(recomputed.findings.size(), false);
  for (const auto& finding : stated.findings) {
    Statement row{where(finding), false, "the repeated audit does not find it"};
    for (std::size_t i = 0; i < used.size(); ++i) {
      if (used[i] || recomputed.findings[i].fingerprint != finding.fingerprint) continue;
      used[i] = true;
      row.why = difference(finding, recomputed.findings[i]);
      row.holds = row.why.empty();
      break;
    }
    held.push_back(std::move(row));
  }
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (!used[i])
      held.push_back(
          {where(recomputed.findings[i]), false, "found by the repeated audit, missing in the report"});
  }
}

using Key = std::pair<std::string, std::optional<std::uint32_t>>;

std::map<Key, const Measurement*> by_name(const Report::CheckEntry& check) {
  std::map<Key, const Measurement*> found;
  for (const Measurement& m : check.measurements) {
    found[{m.name, m.layer ? std::optional(raw(*m.layer)) : std::nullopt}] = &m;
  }
  return found;
}

Statement compare_check(const Report::CheckEntry& stated, const Report::CheckEntry* again, bool charted) {
  Statement row{stated.id + ", measurements", false, ""};
  if (again == nullptr || again->status != stated.status) {
    row.why = fmt::format("status: stated {}, recomputed {}", stated.status, again ? again->status : "none");
    return row;
  }
  const auto before = by_name(stated), after = by_name(*again);
  for (const auto& [key, measured] : before) {
    const auto found = after.find(key);
    if (found == after.end()) {
      row.why = fmt::format("{}: not measured by the repeated audit", key.first);
      return row;
    }
    if (!same_measurement(*measured, *found->second)) {
      row.why = fmt::format("{}{}: stated {:.6g}, recomputed {:.6g}", key.first,
                            key.second ? fmt::format(" of layer {}", *key.second) : "", measured->value,
                            found->second->value);
      return row;
    }
  }
  row.holds = before.size() == after.size();
  if (!row.holds) row.why = "the report lacks measurements";
  if (row.holds && charted && !std::ranges::equal(stated.charts, again->charts, same_chart)) {
    row.holds = false;
    row.why = "its charts differ";
  }
  return row;
}

std::vector<Statement> compare_checks(const std::vector<Report::CheckEntry>& stated,
                                      const std::vector<Report::CheckEntry>& recomputed) {
  std::vector<Statement> held;
  // Reports of earlier versions have no charts.
  const bool charted =
      std::ranges::any_of(stated, [](const Report::CheckEntry& check) { return !check.charts.empty(); });
  for (const auto& check : stated) {
    const auto again = std::ranges::find(recomputed, check.id, &Report::CheckEntry::id);
    held.push_back(compare_check(check, again == recomputed.end() ? nullptr : &*again, charted));
  }
  for (const auto& check : recomputed) {
    if (std::ranges::find(stated, check.id, &Report::CheckEntry::id) == stated.end())
      held.push_back({check.id + ", measurements", false, "the report lacks the check"});
  }
  return held;
}

bool same_coverage(const Coverage& a, const Coverage& b) {
  const bool counts = a.length == b.length && a.least_cut == b.least_cut && a.most_cut == b.most_cut &&
                      a.least_before == b.least_before && a.most_before == b.most_before &&
                      a.farthest == b.farthest;
  const bool same_ids =
      a.ids_before == 0 ||  // or a report of an earlier version
      (a.ids_before == b.ids_before && a.ids_redrawn == b.ids_redrawn && a.special == b.special &&
       a.special_before == b.special_before && a.special_redrawn == b.special_redrawn);
  return counts && same_ids && close(a.positions, b.positions) && close(a.next_token, b.next_token) &&
         close(a.pairs, b.pairs) && std::ranges::equal(a.map, b.map, [](const auto& one, const auto& other) {
           return std::ranges::equal(one, other, [](double x, double y) { return close(x, y); });
         });
}

Statement compare_limit(const std::optional<DetectionLimit>& a, const std::optional<DetectionLimit>& b) {
  Statement row{"detection limit", a.has_value() == b.has_value(), ""};
  if (row.holds && a) {
    row.holds = close(a->trial_rate, b->trial_rate) && a->trials == b->trials &&
                close(a->confidence, b->confidence) && a->unseen_chunks == b->unseen_chunks;
    // Reports of earlier versions do not state the rest.
    if (a->coverage.length > 0) {
      row.holds = row.holds && a->sequences == b->sequences && close(a->sequence_rate, b->sequence_rate) &&
                  a->decisions == b->decisions && close(a->decision_rate, b->decision_rate) &&
                  a->planted_share == b->planted_share && a->unseen_after_first == b->unseen_after_first &&
                  a->left_out == b->left_out && a->unrecorded_layers == b->unrecorded_layers &&
                  same_coverage(a->coverage, b->coverage);
    }
  }
  if (!row.holds) row.why = fmt::format("recomputed: {} trials", b ? b->trials : 0);
  return row;
}

/// What was measured on each arm, one row an arm; the first difference is named.
void compare_arms(const Report::Experiment& stated, const Report::Experiment& again,
                  std::vector<Statement>& held) {
  for (std::size_t i = 0; i < std::min(stated.arms.size(), again.arms.size()); ++i) {
    auto rows = compare_checks(stated.arms[i].checks, again.arms[i].checks);
    rows.push_back(compare_limit(stated.arms[i].detection_limit, again.arms[i].detection_limit));
    const auto broken = std::ranges::find(rows, false, &Statement::holds);
    const bool holds = broken == rows.end();
    held.push_back({fmt::format("arm {}, checks", stated.arms[i].name), holds,
                    holds ? "" : fmt::format("{}: {}", broken->what, broken->why)});
  }
}

}  // namespace

bool agree(const Value& a, const Value& b) {
  if (a.number() || b.number()) return close(a.number(), b.number());
  if (const auto* left = a.array()) {
    const auto* right = b.array();
    return right != nullptr && std::ranges::equal(*left, *right, agree);
  }
  if (const auto* left = a.object()) {
    const auto* right = b.object();
    return right != nullptr && std::ranges::equal(*left, *right, [](const auto& x, const auto& y) {
             return x.first == y.first && agree(x.second, y.second);
           });
  }
  return a == b;
}

std::vector<Statement> verify_against(const Report& stated, const Report& recomputed) {
  std::vector<Statement> held;
  compare_findings(stated, recomputed, held);
  for (auto& row : compare_checks(stated.checks, recomputed.checks)) held.push_back(std::move(row));
  if (stated.experiment && recomputed.experiment)
    compare_arms(*stated.experiment, *recomputed.experiment, held);
  for (auto& row : hold_parts_against(stated, recomputed)) held.push_back(std::move(row));
  held.push_back(compare_limit(stated.detection_limit, recomputed.detection_limit));
  Statement verdict{"verdict", stated.verdict == recomputed.verdict, ""};
  if (!verdict.holds) {
    verdict.why = fmt::format("stated {}, recomputed {}", name(stated.verdict), name(recomputed.verdict));
  } else if (stated.verdict_reasons != recomputed.verdict_reasons) {
    verdict.holds = false;
    verdict.why = "its reasons differ";
  }
  held.push_back(std::move(verdict));
  return held;
}

}  // namespace pastonly::run
