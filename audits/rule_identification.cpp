#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "audits/checks.h"
#include "evidence/observations.h"
#include "pastonly/names.h"

namespace pastonly::audits {
namespace {

constexpr std::size_t named_in_message = 2;  // rejected causal rules that a finding's sentence quotes

std::string where(const routing::Rejection& rejection) {
  return rejection.at ? rejection.at->message : rejection.reason;
}

/// What failed, for the witness: `causal_only` keeps the rules that would have been causal.
Value::Array counterexamples(const routing::Identification& layer, bool causal_only) {
  Value::Array all;
  for (const auto& rejection : layer.rejected) {
    if (causal_only && !rejection.causal) continue;
    Value::Object entry{{"rule", rejection.id}, {"message", where(rejection)}};
    if (rejection.explained) entry.emplace_back("explained", *rejection.explained);
    if (rejection.at) entry.emplace_back("at", rejection.at->details);
    all.emplace_back(std::move(entry));
  }
  return all;
}

Value witness(const routing::Identification& layer, LayerIndex index) {
  Value value;
  value.set("type", "rule");
  value.set("layer", raw(index));
  value.set("rule", layer.rule.id ? Value(*layer.rule.id) : Value());
  value.set("parameters", layer.rule.parameters);
  value.set("counterexamples", counterexamples(layer, layer.rule.id.has_value()));
  return value;
}

std::string quote_failures(const routing::Identification& layer, bool causal_only) {
  std::string text;
  std::size_t quoted = 0;
  for (const auto& rejection : layer.rejected) {
    if (quoted == named_in_message) break;
    if (causal_only && !rejection.causal) continue;
    text += fmt::format("{}{} fails: {}", quoted++ == 0 ? "; " : ", ", rejection.id, where(rejection));
  }
  return text;
}

Claim leaky_claim(const routing::Identification& layer, LayerIndex index) {
  Claim claim;
  claim.id = claim::leaky_rule;
  claim.basis = Claim::Basis::observation;
  claim.layers = {index};
  std::string others;
  const std::size_t candidates = layer.rule.candidates.size();
  for (std::size_t i = 1; i < candidates; ++i) {
    const char* joint = i > 1 ? ", " : candidates == 2 ? ", as does " : ", as do ";
    others += joint + layer.rule.candidates[i].id;
  }
  claim.message = fmt::format("layer {}: {} explains every decision{}, and no causal rule does{}", raw(index),
                              *layer.rule.id, others, quote_failures(layer, true));
  claim.witness = witness(layer, index);
  claim.help =
      "Given the recorded scores, this routing needs tokens that a deployed model does not have yet. Train "
      "with a token-wise rule (top-k, a loss-free bias from earlier batches) or a first-come capacity. "
      "`pastonly explain RULE` names the option that selects it and what to use instead.";
  return claim;
}

/// Whether the rule held a capacity that was nowhere reached: what it would have refused was never seen, so
/// nothing here needed another token.
bool never_full(const RuleCandidate& candidate) {
  const Value* capacity = candidate.parameters.find("capacity");
  return capacity != nullptr && capacity->find("min") != nullptr;
}

/// The rule as the report states it. Rules that look ahead at their capacity alone, and did not reach it,
/// leave a layer open: a second choice drawn by chance is explained by no causal rule of the table, and is no
/// leak.
LayerFacts::Rule stated_rule(const routing::Identification& layer) {
  LayerFacts::Rule rule = layer.rule;
  if (rule.causal == false && std::ranges::all_of(rule.candidates, never_full)) rule.causal.reset();
  return rule;
}

std::string percent(double share) { return fmt::format("{:.2f}%", 100.0 * share); }

/// What was declared, and how much of the layer it explains: "" where nothing was.
std::string quote_declared(const std::optional<evidence::DeclaredRule>& declared) {
  if (!declared) return {};
  std::string text =
      fmt::format("; the declared {}{} explains {}", declared->text,
                  declared->recorded_bias ? " with the recorded bias" : "", percent(declared->explained()));
  if (declared->unlike > 0 && !declared->broken())
    text += ", and the rest lies within the rounding of the recorded scores";
  return text;
}

Claim broken_claim(const evidence::DeclaredRule& declared, LayerIndex index) {
  Claim claim;
  claim.id = claim::broken_declaration;
  claim.basis = Claim::Basis::observation;
  claim.layers = {index};
  claim.message = fmt::format(
      "layer {}: the recorded decisions break the declared rule: {}{} explains {} of {} tokens, and rounding "
      "the "
      "scores anew accounts for {}; {}",
      raw(index), declared.text, declared.recorded_bias ? " with the recorded bias" : "",
      percent(declared.explained()), declared.tokens, declared.rounding, declared.example);
  Value value;
  value.set("type", "rule");
  value.set("layer", raw(index));
  value.set("rule", declared.id);
  value.set("parameters", Value::Object{{"declared", declared.text}});
  Value::Object example{{"rule", declared.id}, {"message", declared.example}};
  example.emplace_back("explained", declared.explained());
  value.set("counterexamples", Value::Array{Value(std::move(example))});
  claim.witness = std::move(value);
  claim.help =
      "The model does not route as its producer says. Mend the declaration (`rule` in the metadata) or the "
      "routing: a capacity that is ignored, another k, a bias that is not applied.";
  return claim;
}

/// A state that differs between runs: not a leak, and it hides what the interventions would show.
Claim moving_claim(const routing::Identification& layer, LayerIndex index) {
  Claim claim;
  claim.id = claim::moving_state;
  claim.basis = Claim::Basis::observation;
  claim.layers = {index};
  const auto moved = layer.rule.parameters.number("moved");
  claim.message =
      moved
          ? fmt::format(
                "layer {}: the state moved between runs: the recorded bias of each run explains it, and they "
                "differ by up to {:.3g}",
                raw(index), *moved)
          : fmt::format(
                "layer {}: the state moved between runs: each run needs an offset of its own, and no batch "
                "is known to set it",
                raw(index));
  claim.help =
      "Freeze what the router learns (bias, centroids, running means) while a plan is recorded, or record "
      "the "
      "bias of every run. Runs with different states cannot be compared decision by decision.";
  return claim;
}

Claim unexplained_claim(const routing::Identification& layer, LayerIndex index) {
  Claim claim;
  claim.id = claim::unexplained;
  claim.basis = Claim::Basis::observation;
  claim.layers = {index};
  claim.message =
      fmt::format("layer {}: no rule explains every decision; the best explains {:.2f}% of the tokens{}",
                  raw(index), 100.0 * layer.rule.explained, quote_failures(layer, false));
  claim.witness = witness(layer, index);
  claim.help =
      "The routing is not shown to be causal or leaky. Either the recorded scores are not those that "
      "selection used (noise, a bias, another layer's scores), or the rule is unknown. Record the scores "
      "that selection used, or audit a plan with interventions (docs/guide.md).";
  return claim;
}

/// A layer that a draw by chance alone explains: nothing accuses it, and no causal rule clears it.
Claim chance_claim(const routing::Identification& layer, LayerIndex index) {
  Claim claim = unexplained_claim(layer, index);
  claim.message = fmt::format(
      "layer {}: {} explains every decision, but only by its random draws and with no capacity reached, and "
      "no causal rule does{}",
      raw(index), *layer.rule.id, quote_failures(layer, true));
  return claim;
}

Outcome run_rule_identification(const CheckContext& context) {
  const auto trace = context.observations.base();
  if (!trace) return trace.error();
  const auto layers = context.observations.identifications();
  if (!layers) return layers.error();
  const auto declared = context.observations.declared_rules();
  if (!declared) return declared.error();
  Ran ran;
  std::size_t judged = 0;
  std::string why_not;
  for (std::size_t i = 0; i < layers->size(); ++i) {
    const auto& layer = (*layers)[i];
    const auto& record = trace->layers[i];
    if (!layer.not_judged.empty()) {
      if (why_not.empty()) why_not = fmt::format("layer {}: {}", raw(record.index), layer.not_judged);
      continue;
    }
    ++judged;
    ran.measurements.push_back({measurement::explained,
                                layer.rule.explained,
                                {},
                                {},
                                "fraction of tokens",
                                layer.tokens,
                                record.index});
    LayerFacts facts;
    facts.index = record.index;
    facts.rule = stated_rule(layer);
    const auto causal = facts.rule->causal;
    ran.layers.push_back(std::move(facts));
    if (!layer.rule.id) {
      ran.claims.push_back(unexplained_claim(layer, record.index));
      ran.claims.back().message += quote_declared((*declared)[i]);
    } else if (causal == false) {
      ran.claims.push_back(leaky_claim(layer, record.index));
    } else if (layer.rule.causal == false) {
      ran.claims.push_back(chance_claim(layer, record.index));
    }
    if (layer.rule.parameters.find("state") != nullptr)
      ran.claims.push_back(moving_claim(layer, record.index));
    if (const auto& one = (*declared)[i]) {
      ran.measurements.push_back({measurement::declared_explained,
                                  one->explained(),
                                  {},
                                  {},
                                  "fraction of tokens",
                                  one->tokens,
                                  record.index});
      if (one->broken()) ran.claims.push_back(broken_claim(*one, record.index));
    }
  }
  if (judged == 0) return Skipped{why_not.empty() ? "the trace holds no MoE layer" : why_not};
  ran.measurements.push_back({measurement::judged_layers,
                              static_cast<double>(judged) / static_cast<double>(layers->size()),
                              {},
                              {},
                              "fraction of layers",
                              layers->size(),
                              {}});
  return ran;
}

}  // namespace

const Check rule_identification_check{
    .id = "rule-identification",
    .title = "Which rule made this routing",
    .help =
        "Tests every known routing rule against scores and mask, recovers its parameters (k, bias, chunk, "
        "capacity, order) and lists the rules that explain every decision. It is an error if only leaky "
        "rules explain a layer. If no rule explains a layer, interventions are needed. Observation never "
        "passes a model: a capacity that was not reached, a single batch or leaking scores can hide a "
        "dependence.",
    .needs = {.scores = true},
    .run = run_rule_identification,
};

}  // namespace pastonly::audits
