#include "report/catalogue_json.h"

#include <array>
#include <utility>

#include "report/json_bytes.h"
#include "report/ordered_json.h"

namespace pastonly::report {
namespace {

Json depends_on(bool future, bool batch, bool length) {
  return {{"future", future}, {"batch", batch}, {"length", length}};
}

Json rule_json(const RuleInfo& rule) {
  Json depends = depends_on(rule.usual.future, rule.usual.batch, rule.usual.length);
  depends["order"] = rule.usual.order;
  depends["random"] = rule.usual.random;
  return {{"kind", "rule"},
          {"id", rule.id},
          {"title", rule.title},
          {"what", rule.semantics},
          {"used_in", rule.used_in},
          {"depends_on", std::move(depends)},
          {"causal", !rule.usual.future},
          {"why", rule.why},
          {"instead", rule.instead},
          {"ties", rule.ties},
          {"parameters", rule.keys}};
}

Json check_json(const Check& check) {
  const Needs& needs = check.needs;
  Json names = Json::array();
  for (const auto& [needed, what] : {std::pair{needs.tokens, "tokens"},
                                     {needs.scores, "scores"},
                                     {needs.gates, "gates"},
                                     {needs.log_probs, "log_probs"},
                                     {needs.source, "source"},
                                     {needs.weights, "weights"},
                                     {needs.routes, "routes"},
                                     {needs.pair, "pair"}}) {
    if (needed) names.push_back(what);
  }
  return {{"kind", "check"},
          {"id", check.id},
          {"title", check.title},
          {"what", check.help},
          {"needs", std::move(names)}};
}

/// The default without its mark of what goes without saying.
Json default_json(std::string_view otherwise) {
  if (otherwise.starts_with('@')) otherwise.remove_prefix(1);
  return otherwise.empty() ? Json(nullptr) : Json(otherwise);
}

Json option_json(const lint::Option& option) {
  Json when = Json::array();
  for (const lint::Condition& condition : option.when) {
    if (condition.key.empty()) continue;
    when.push_back({{"key", condition.key},
                    {"test", in_words(condition.test)},
                    {"value", condition.value.empty() ? Json(nullptr) : Json(condition.value)},
                    {"default", default_json(condition.otherwise)}});
  }
  const lint::FrameworkInfo& whose = lint::info(option.framework);
  return {{"kind", "option"},
          {"id", option.id},
          {"key", option.key},
          {"framework", whose.name},
          {"version", whose.version},
          {"when", std::move(when)},
          {"rule", option.rule.empty() ? Json(nullptr) : Json(option.rule)},
          {"parameters", option.parameters},
          {"depends_on", depends_on(option.axes.future, option.axes.batch, option.axes.length)},
          {"training", option.modes.training},
          {"evaluation", option.modes.evaluation},
          {"causal", lint::causal_in_words(option)},
          {"what", option.what},
          {"instead", option.instead},
          {"source", option.source}};
}

}  // namespace

std::string_view in_words(lint::Test test) noexcept {
  static constexpr std::array<std::string_view, 8> words{"is",    "is not", "at least", "above",
                                                         "below", "on",     "off",      "set"};
  return words[static_cast<std::size_t>(test)];
}

std::string write_rules_json() {
  Json rules = Json::array();
  for (const RuleInfo& rule : routing_rules()) rules.push_back(rule_json(rule));
  return text_of({{"schema", "pastonly.rules/1"}, {"rules", std::move(rules)}}, 2) + "\n";
}

std::string write_explained_json(std::string_view asked, const Explained& explained) {
  Json entries = Json::array();
  if (explained.rule != nullptr) entries.push_back(rule_json(*explained.rule));
  if (explained.check != nullptr) entries.push_back(check_json(*explained.check));
  for (const lint::Option* option : explained.options) entries.push_back(option_json(*option));
  return text_of({{"schema", "pastonly.explain/1"}, {"asked", asked}, {"entries", std::move(entries)}}, 2) +
         "\n";
}

}  // namespace pastonly::report
