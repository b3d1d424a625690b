#include "report/what_to_do.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "pastonly/routing_rule.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

struct LeakyRule {
  const RuleInfo* info = nullptr;
  std::vector<std::uint32_t> layers;
};

std::vector<LeakyRule> leaky_rules(const Report& report) {
  std::vector<LeakyRule> found;
  for (const Report::Layer& layer : report.layers) {
    const auto& rule = layer.facts.rule;
    if (!rule || !rule->id || rule->causal.value_or(true)) continue;
    const RuleInfo* const info = find_rule(*rule->id);
    if (info == nullptr || info->instead.empty()) continue;
    const auto same = std::ranges::find(found, info, &LeakyRule::info);
    if (same == found.end()) {
      found.push_back({info, {layer.index}});
    } else {
      same->layers.push_back(layer.index);
    }
  }
  return found;
}

}  // namespace

std::string what_to_do(const Report& report) {
  const auto failing = std::ranges::find_if(report.findings, [&](const auto& finding) {
    return !finding.suppressed && finding.severity >= report.policy.fail_on;
  });
  if (failing == report.findings.end()) return "";
  const auto rules = leaky_rules(report);
  if (report.subject.kind == "comparison" || rules.empty()) return failing->help;
  std::string out;
  constexpr std::size_t most = 2;
  for (std::size_t i = 0; i < std::min(most, rules.size()); ++i)
    out += fmt::format("{}{} {} routed by {}, which is not causal. {} `pastonly explain {}` says more.",
                       i == 0 ? "" : " ", layers_in_words(rules[i].layers),
                       rules[i].layers.size() == 1 ? "is" : "are", rules[i].info->id, rules[i].info->instead,
                       rules[i].info->id);
  if (rules.size() > most) out += fmt::format(" {} more rules are not causal either.", rules.size() - most);
  if (!out.empty() && out.front() >= 'a' && out.front() <= 'z')
    out.front() = static_cast<char>(out.front() - 'a' + 'A');
  return out;
}

}  // namespace pastonly::report
