#include "run/verify_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "input/policy/embedded_policies.h"
#include "input/policy/policy.h"
#include "pastonly/router_figures.h"

namespace pastonly::run {
namespace {

template <class T>
Value maybe(const std::optional<T>& value) {
  return value ? Value(*value) : Value();
}

Value texts(const std::vector<std::string>& list) { return Value::Array(list.begin(), list.end()); }

/// Reports write absent parameters as an empty object.
Value parameters(const Value& stated) { return stated.is_null() ? Value(Value::Object{}) : stated; }

Value rule_value(const LayerFacts::Rule& rule) {
  Value::Array candidates;
  for (const RuleCandidate& one : rule.candidates) {
    candidates.emplace_back(Value::Object{{"id", one.id},
                                          {"causal", maybe(one.causal)},
                                          {"parameters", parameters(one.parameters)},
                                          {"explained", one.explained},
                                          {"equivalents", texts(one.equivalents)}});
  }
  return Value::Object{{"id", maybe(rule.id)},
                       {"causal", maybe(rule.causal)},
                       {"parameters", parameters(rule.parameters)},
                       {"explained", rule.explained},
                       {"candidates", std::move(candidates)}};
}

/// What a report says of a layer, in the report's own keys.
Value::Object layer_value(const Report::Layer& layer) {
  const LayerFacts& facts = layer.facts;
  Value bound, rule, leak, origin;
  if (facts.bound) {
    bound = Value::Object{{"floor_bits", maybe(facts.bound->floor_bits)},
                          {"capacity_bits", maybe(facts.bound->capacity_bits)},
                          {"limit_bits", maybe(facts.bound->limit_bits)},
                          {"chunk", maybe(facts.bound->chunk)},
                          {"vacuous", facts.bound->vacuous},
                          {"applies_to", facts.bound->applies_to}};
  }
  if (facts.rule) rule = rule_value(*facts.rule);
  if (facts.leak) {
    leak = Value::Object{{"bits", facts.leak->bits},
                         {"lower", maybe(facts.leak->lower)},
                         {"upper", maybe(facts.leak->upper)},
                         {"unit", facts.leak->unit},
                         {"method", facts.leak->method}};
  }
  if (facts.origin) {
    origin = Value::Object{{"kind", facts.origin->kind}, {"contaminated", facts.origin->contaminated}};
  }
  return {{"index", layer.index},        {"experts", layer.experts},
          {"top_k", maybe(layer.top_k)}, {"sparsity", maybe(layer.sparsity)},
          {"bound", std::move(bound)},   {"rule", std::move(rule)},
          {"leak", std::move(leak)},     {"origin", std::move(origin)}};
}

Value::Object totals_value(const Report::Totals& totals) {
  return {{"floor_bits", maybe(totals.floor_bits)},
          {"capacity_bits", maybe(totals.capacity_bits)},
          {"limit_bits", maybe(totals.limit_bits)},
          {"leak_bits", maybe(totals.leak_bits)},
          {"successors_identifiable", maybe(totals.successors_identifiable)}};
}

Value::Object subject_value(const Report::SubjectEntry& subject) {
  return {{"kind", subject.kind},
          {"mode", subject.mode},
          {"stage", subject.stage},
          {"tokens", subject.tokens},
          {"vocab", maybe(subject.vocab)}};
}

Value::Object files_value(const Report::SubjectEntry& subject) {
  Value::Object files;
  for (const FileRecord& file : subject.files) files.emplace_back(file.path, Value(file.sha256));
  return files;
}

Value::Object gaps_value(const Report& report) {
  Value::Object gaps;
  for (const auto& row : report.not_assessed) gaps.emplace_back(row.check, Value(row.reason));
  return gaps;
}

Value::Object dismissed_value(const Report& report) {
  Value::Object rows;
  for (const auto& row : report.dismissed) {
    Value::Array layers;
    for (const LayerIndex layer : row.claim.layers) layers.emplace_back(raw(layer));
    rows.emplace_back(
        fmt::format("{}/{}", row.check, row.claim.id),
        Value(Value::Object{
            {"layers", std::move(layers)}, {"p_value", maybe(row.claim.p_value)}, {"reason", row.reason}}));
  }
  return rows;
}

Value::Object rules_value(const Policy& policy) {
  Value::Object severity;
  for (const auto& [key, level] : policy.severity)
    severity.emplace_back(key, Value(std::string(name(level))));
  return {{"fail_on", std::string(name(policy.fail_on))},
          {"require", texts(policy.require)},
          {"require_mode", texts(policy.require_mode)},
          {"leak_bits", policy.limits.leak_bits},
          {"sweep_bits", policy.limits.sweep_bits},
          {"trial_rate", policy.limits.trial_rate},
          {"planted_share", policy.limits.planted_share},
          {"drop_rate", policy.limits.drop_rate},
          {"mismatch_tokens", policy.limits.mismatch_tokens},
          {"mismatch_routes", policy.limits.mismatch_routes},
          {"near_ties", policy.limits.near_ties},
          {"coverage.positions", policy.coverage.positions},
          {"coverage.next_token", policy.coverage.next_token},
          {"coverage.pairs", policy.coverage.pairs},
          {"coverage.special", policy.coverage.special},
          {"coverage.after_first_token", policy.coverage.after_first_token},
          {"alpha", policy.alpha},
          {"min_tokens", policy.min_tokens},
          {"severity", std::move(severity)},
          {"ignore", policy.ignore.size()}};
}

std::optional<Policy> ready_policy(std::string_view name) {
  for (const auto& embedded : input::embedded_policies()) {
    if (embedded.name != name) continue;
    if (auto policy = input::parse_policy(embedded.text, name)) return *std::move(policy);
  }
  return std::nullopt;
}

/// Both are lists of (key, value) in one order; the first that differs is named.
Statement compare(std::string what, const Value::Object& stated, const Value::Object& again) {
  Statement row{std::move(what), false, ""};
  const std::size_t both = std::min(stated.size(), again.size());
  for (std::size_t i = 0; i < both; ++i) {
    if (stated[i].first == again[i].first && agree(stated[i].second, again[i].second)) continue;
    row.why = stated[i].first + ": recomputed differently";
    return row;
  }
  row.holds = stated.size() == again.size();
  if (stated.size() > both) row.why = stated[both].first + ": the repeated audit does not state it";
  if (again.size() > both) row.why = again[both].first + ": missing in the report";
  return row;
}

/// A name as a reader takes it: in small letters, without what does not show.
std::string as_read(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') out += static_cast<char>(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '/' || c == '-' || c == '_')
      out += c;
  }
  return out;
}

/// Names are compared byte by byte: one that only looks like a ready policy's is another policy.
Statement hold_policy(const Policy& stated) {
  if (const auto ready = ready_policy(stated.name))
    return compare(fmt::format("policy {}, as shipped with the program", stated.name), rules_value(stated),
                   rules_value(*ready));
  Statement row{fmt::format("policy {}: the user's own, with the rules that the report states", stated.name),
                true, ""};
  for (const auto& embedded : input::embedded_policies()) {
    if (as_read(stated.name) != embedded.name) continue;
    row.holds = false;
    row.why = fmt::format("its name is not '{}' to the byte, and looks like it", embedded.name);
  }
  return row;
}

/// All layers in one row; the first that differs is named.
Statement compare_layers(const std::vector<Report::Layer>& stated, const std::vector<Report::Layer>& again) {
  Statement row{
      fmt::format("{} layer{}: rules, bounds, leaks, origins", again.size(), again.size() == 1 ? "" : "s"),
      stated.size() == again.size(), ""};
  if (!row.holds) row.why = fmt::format("the report lists {}", stated.size());
  for (std::size_t l = 0; row.holds && l < again.size(); ++l) {
    const Statement one = compare("", layer_value(stated[l]), layer_value(again[l]));
    if (one.holds) continue;
    row.holds = false;
    row.why = fmt::format("layer {}: {}", again[l].index, one.why);
  }
  return row;
}

/// Figures that could not be taken are absent, not numbers.
Value finite(double value) { return std::isfinite(value) ? Value(value) : Value(); }

Value routers_value(const Report::Experiment::Routers& routers) {
  Value::Array training, fixation, frozen;
  for (const auto& point : routers.training) {
    Value::Object one{{"step", point.step}};
    for (const auto& [key, member] : point_figures) one.emplace_back(key, finite(point.*member));
    training.emplace_back(std::move(one));
  }
  for (const auto& layer : routers.fixation) {
    Value::Array agreement;
    for (const auto& [step, value] : layer.agreement)
      agreement.emplace_back(Value::Array{step, finite(value)});
    fixation.emplace_back(Value::Object{
        {"layer", layer.layer}, {"settled", layer.settled}, {"agreement", std::move(agreement)}});
  }
  for (const auto& layer : routers.frozen) {
    Value::Object one{{"layer", layer.layer}};
    for (const auto& [key, member] : frozen_figures) one.emplace_back(key, maybe(layer.*member));
    frozen.emplace_back(std::move(one));
  }
  return Value::Object{
      {"training", std::move(training)}, {"fixation", std::move(fixation)}, {"frozen", std::move(frozen)}};
}

/// What a report says of an arm beside its checks, in the report's own keys.
Value::Object arm_value(const Report::Experiment::Arm& arm) {
  Value bound;
  if (arm.bound) {
    bound = Value::Object{{"floor_bits", maybe(arm.bound->floor_bits)},
                          {"capacity_bits", maybe(arm.bound->capacity_bits)},
                          {"limit_bits", maybe(arm.bound->limit_bits)}};
  }
  Value::Array curve;
  for (const auto& [step, bits] : arm.curve) curve.emplace_back(Value::Array{step, bits});
  return {{"name", arm.name},
          {"group", arm.group},
          {"rule", arm.rule},
          {"chunk", maybe(arm.chunk)},
          {"shuffled", arm.shuffled},
          {"drop_rate", arm.drop_rate},
          {"seed", arm.seed},
          {"steps", arm.steps},
          {"loss_bits", arm.loss_bits},
          {"lower", arm.lower},
          {"upper", arm.upper},
          {"leak_bits", maybe(arm.leak_bits)},
          {"log2_e_value", maybe(arm.log2_e_value)},
          {"bound", std::move(bound)},
          {"evaluated", Value::Object{{"in_order", arm.evaluated.in_order},
                                      {"shuffled", maybe(arm.evaluated.shuffled)},
                                      {"streaming", maybe(arm.evaluated.streaming)},
                                      {"top_k", maybe(arm.evaluated.top_k)}}},
          {"tokens", arm.tokens},
          {"streaming_tokens", arm.streaming_tokens},
          {"evaluation_seed", arm.evaluation_seed},
          {"curve", std::move(curve)},
          {"routers", routers_value(arm.routers)},
          {"weights", arm.weights}};
}

void compare_experiments(const Report::Experiment& stated, const Report::Experiment& again,
                         std::vector<Statement>& held) {
  const auto source = [](const Report::Experiment::Source& from) {
    return Value::Object{{"kind", from.kind},
                         {"vocab", from.vocab},
                         {"name", from.name},
                         {"floor_bits", maybe(from.floor_bits)}};
  };
  held.push_back(compare("source of the tokens", source(stated.source), source(again.source)));
  Statement list{fmt::format("{} arms", again.arms.size()), stated.arms.size() == again.arms.size(), ""};
  if (!list.holds) list.why = fmt::format("the report lists {}", stated.arms.size());
  held.push_back(std::move(list));
  for (std::size_t i = 0; i < std::min(stated.arms.size(), again.arms.size()); ++i) {
    held.push_back(compare(fmt::format("arm {}", stated.arms[i].name), arm_value(stated.arms[i]),
                           arm_value(again.arms[i])));
  }
}

}  // namespace

std::vector<Statement> hold_parts_against(const Report& stated, const Report& recomputed) {
  std::vector<Statement> held;
  held.push_back(compare("list of files", files_value(stated.subject), files_value(recomputed.subject)));
  held.push_back(compare("subject", subject_value(stated.subject), subject_value(recomputed.subject)));
  held.push_back(compare_layers(stated.layers, recomputed.layers));
  held.push_back(compare("totals", totals_value(stated.totals), totals_value(recomputed.totals)));
  held.push_back(compare("what was dismissed", dismissed_value(stated), dismissed_value(recomputed)));
  held.push_back(compare("what was not assessed", gaps_value(stated), gaps_value(recomputed)));
  held.push_back(hold_policy(stated.policy));
  if (stated.experiment && recomputed.experiment) {
    compare_experiments(*stated.experiment, *recomputed.experiment, held);
  } else if (stated.experiment || recomputed.experiment) {
    held.push_back({"experiment", false,
                    stated.experiment ? "the repeated audit does not state it" : "missing in the report"});
  }
  return held;
}

}  // namespace pastonly::run
