#include "lab/arm_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lab/probe.h"
#include "pastonly/names.h"
#include "routing/rule_traits.h"
#include "stats/bound.h"
#include "stats/e_process.h"

namespace pastonly::lab {
namespace {

std::optional<double> finite_bits(double layers, double bits) {
  return std::isfinite(bits) ? std::optional(layers * bits) : std::nullopt;
}

/// What expert choice of the arm's shape can carry; nothing for other rules, where no k is named, and for
/// documents, which are of any length.
std::optional<Report::Experiment::Carried> carried_by(const Arm& arm, const Layout& batch) {
  const RuleSpec& rule = arm.model.router.rule;
  const auto k = number(rule.parameters, "k");
  const bool by_document = find(rule.parameters, "separator") != nullptr;
  if (!k || by_document || !routing::chooses_in_chunks(routing::rule_traits(rule.id))) return std::nullopt;
  const auto experts = static_cast<double>(arm.model.experts);
  const auto layers = static_cast<double>(arm.model.layers - arm.model.dense_layers);
  const auto chunk = static_cast<std::uint64_t>(
      std::min(number(rule.parameters, "chunk").value_or(HUGE_VAL), static_cast<double>(batch.tokens())));
  return Report::Experiment::Carried{
      finite_bits(layers, stats::expert_choice_floor(experts, *k)),
      finite_bits(layers, stats::expert_choice_capacity(arm.model.experts, *k, chunk)),
      finite_bits(layers, stats::expert_choice_limit(experts, *k))};
}

Report::Experiment::Routers routers_entry(const Arm& arm, const TrainingRecord& record,
                                          const EvaluationResult& result) {
  Report::Experiment::Routers out;
  for (const auto& [step, m] : record.routers)
    out.training.push_back({step, m.epsilon, m.cosine, m.absolute_cosine, m.coupling});
  for (const Fixation& layer : fixation_of(record, arm.model.dense_layers))
    out.fixation.push_back({layer.layer, layer.settled, layer.agreement});
  out.frozen = result.routers;
  return out;
}

/// Whether nothing that the rule declares, and no state of the same batch, lets later tokens in.
bool routes_causally(const Arm& arm, const Layout& batch) {
  if (arm.model.router.update == model::StateUpdate::before_use) return false;
  const auto rule = make_rule(arm.model.router.rule.id, arm.model.router.rule.parameters);
  return rule && !(*rule)->dependence(batch, arm.model.experts).future;
}

input::TrainingLog log_of(const Report::Experiment::Arm& arm) {
  input::TrainingLog log;
  log.path = arm.name;
  for (const auto& [step, bits] : arm.curve) {
    log.steps.push_back(static_cast<double>(step));
    log.losses.push_back(bits);
  }
  return log;
}

}  // namespace

std::vector<losses::LoggedArm> groups_of(const Experiment& plan, const Report::Experiment& experiment) {
  std::vector<losses::LoggedArm> groups;
  for (std::size_t i = 0; i < plan.arms.size(); ++i) {
    const Arm& arm = plan.arms[i];
    auto group = std::ranges::find(groups, arm.group, &losses::LoggedArm::label);
    if (group == groups.end()) {
      losses::LoggedArm made;
      made.label = arm.group;
      made.causal = routes_causally(arm, plan.batch);
      // Chunks of tokens in random order are another sweep.
      if (!arm.shuffle) made.chunk = experiment.arms[i].chunk;
      group = groups.insert(groups.end(), std::move(made));
    }
    group->seeds.push_back(log_of(experiment.arms[i]));
    group->evaluated.push_back(experiment.arms[i].loss_bits);
  }
  for (const Arm& arm : plan.arms) {
    if (arm.against.empty()) continue;
    const auto against = std::ranges::find(groups, arm.against, &losses::LoggedArm::label);
    std::ranges::find(groups, arm.group, &losses::LoggedArm::label)->against =
        static_cast<std::size_t>(against - groups.begin());
  }
  return groups;
}

Ran floor_claims(const Report::Experiment& experiment, double alpha) {
  Ran ran;
  for (const auto& arm : experiment.arms) {
    if (!arm.leak_bits || !arm.log2_e_value) continue;
    Claim claim;
    claim.id = claim::below_entropy;
    claim.basis = Claim::Basis::statistical;
    claim.p_value = stats::p_value_of(*arm.log2_e_value);
    const double lower = stats::mean_lower_bound(*arm.log2_e_value, alpha, static_cast<double>(arm.tokens));
    claim.amount = Measurement{
        measurement::leak_bits, std::max(*arm.leak_bits, lower), lower, {}, "bits per token", arm.tokens, {}};
    claim.message = fmt::format(
        "arm '{}': the loss is {:.3f} bits per token, but no causal model can go below {:.3f}; the "
        "likelihood ratio to the source is 2^{:.1f}, which a causal model reaches with probability at most "
        "2^-{:.1f}",
        arm.name, arm.loss_bits, experiment.source.floor_bits.value_or(0.0), *arm.log2_e_value,
        std::max(0.0, *arm.log2_e_value));
    claim.witness.set("type", "e-value");
    claim.witness.set("arm", arm.name);
    claim.witness.set("source", experiment.source.name);
    claim.witness.set("weights", arm.weights);
    claim.witness.set("evaluation_seed", static_cast<std::int64_t>(arm.evaluation_seed));
    claim.witness.set("loss_bits", arm.loss_bits);
    claim.witness.set("log2_e_value", *arm.log2_e_value);
    claim.help =
        "The arm's routing depends on the tokens that it predicts. `pastonly explain RULE` says how, and "
        "what to use instead.";
    ran.claims.push_back(std::move(claim));
  }
  return ran;
}

std::vector<std::pair<std::uint64_t, double>> curve_of(const std::vector<double>& losses,
                                                       std::size_t points) {
  std::vector<std::pair<std::uint64_t, double>> curve;
  const std::size_t every = curve_stride(losses.size(), points);
  for (std::size_t first = 0; first < losses.size(); first += every) {
    const std::size_t last = std::min(losses.size(), first + every);
    double sum = 0.0;
    for (std::size_t i = first; i < last; ++i) sum += losses[i];
    curve.emplace_back(last, sum / static_cast<double>(last - first));
  }
  return curve;
}

Report::Experiment::Arm arm_entry(const Arm& arm, const Layout& batch, const EvaluationResult& result,
                                  const TrainingRecord& record) {
  Report::Experiment::Arm entry;
  entry.name = arm.name;
  entry.group = arm.group;
  entry.rule = format_rule(arm.model.router.rule);
  if (const auto chunk = number(arm.model.router.rule.parameters, "chunk")) {
    entry.chunk = static_cast<std::uint64_t>(*chunk);
  }
  entry.shuffled = arm.shuffle;
  entry.drop_rate = arm.drop_rate;
  entry.seed = arm.seed;
  entry.steps = record.losses.size();
  entry.loss_bits = result.loss_bits;
  entry.lower = result.lower;
  entry.upper = result.upper;
  entry.leak_bits = result.leak_bits;
  entry.log2_e_value = result.log2_e_value;
  entry.bound = carried_by(arm, batch);
  entry.evaluated = {result.in_order, result.shuffled, {}, result.top_k};
  // Of fewer tokens: the difference on those, on top of the loss on all.
  if (result.streaming_gap) entry.evaluated.streaming = result.in_order + *result.streaming_gap;
  entry.tokens = result.tokens;
  entry.streaming_tokens = result.streaming_tokens;
  entry.weights = result.weights;
  entry.evaluation_seed = result.seed;
  entry.curve = curve_of(record.losses);
  entry.routers = routers_entry(arm, record, result);
  return entry;
}

}  // namespace pastonly::lab
