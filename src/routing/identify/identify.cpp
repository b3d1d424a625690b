#include "routing/identify/identify.h"

#include <fmt/format.h>

#include <algorithm>

#include "routing/identify/capacity/capacity_rules.h"
#include "routing/identify/capacity/random_second_fit.h"
#include "routing/identify/capacity/rank_fit.h"
#include "routing/identify/chunks/document_fit.h"
#include "routing/identify/chunks/expert_choice_fit.h"
#include "routing/identify/chunks/streaming_fit.h"
#include "routing/identify/offsets/group_limited_fit.h"
#include "routing/identify/offsets/offset_rules.h"
#include "routing/identify/offsets/prefix_bias_fit.h"
#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"
#include "routing/identify/shared/simplicity.h"
#include "routing/identify/simple/balanced_scores.h"
#include "routing/identify/simple/column_gates.h"
#include "routing/identify/simple/cut_choice_fit.h"
#include "routing/identify/simple/sequence_top_k_fit.h"
#include "routing/identify/simple/simple_rules.h"
#include "routing/identify/simple/token_choice_fit.h"
#include "routing/identify/transforms/transformed_runs.h"
#include "routing/loosely_fitted.h"
#include "routing/rule_facts.h"
#include "routing/rule_ids.h"

namespace pastonly::routing {
namespace {

using namespace hypotheses;

std::string why_not_judged(std::span<const LayerRun> runs) {
  if (runs.empty()) return "no run holds this layer";
  for (const auto& run : runs) {
    if (run.layer->ranking() == nullptr) return fmt::format("run {} holds no scores and no logits", run.run);
    if (run.layer->selection_applied) {
      return fmt::format("run {} holds no decisions: its mask was derived from the scores, as requested",
                         run.run);
    }
    if (run.layer->experts != runs.front().layer->experts) {
      return fmt::format("run {} has {} experts, run {} has {}", run.run, run.layer->experts,
                         runs.front().run, runs.front().layer->experts);
    }
  }
  return {};
}

std::string why_scores_are_no_order(const RunSet& runs) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto& profile = runs.profile(i);
    if (!profile.nan) continue;
    const std::size_t positions = runs.run(i).layout.positions;
    return fmt::format("run {} row {} position {}: a score is NaN, so no order is defined", runs.run(i).run,
                       profile.first_nan / positions, profile.first_nan % positions);
  }
  return {};
}

void try_all(const RunSet& runs, Findings& findings) {
  try_top_k(runs, findings);
  try_expert_choice(runs, findings);
  try_threshold(runs, findings);
  try_document_expert_choice(runs, findings);
  try_sequence_top_k(runs, findings);
  try_assignment(runs, findings);
  try_offset_rules(runs, findings);
  try_group_limited(runs, findings);
  try_hash(runs, findings);
  try_streaming(runs, findings);
  try_streaming_top_k(runs, findings);
  try_prefix_bias(runs, findings);
  try_capacity_rules(runs, findings);
  try_random_second(runs, findings);
  try_column_gates(runs, findings);
  try_balanced_scores(runs, findings);
  try_shuffled_expert_choice(runs, findings);
  try_cut_choice(runs, findings);
  try_rank_capacity(runs, findings);
}

/// What explains the runs as they were recorded, the simplest first.
Findings try_rules(const RunSet& runs) {
  Findings findings;
  if (const auto reason = why_scores_are_no_order(runs); !reason.empty()) {
    findings.reject(ids::top_k, reason);
  } else {
    try_all(runs, findings);
  }
  findings.reject_infinite();
  sort_by_simplicity(findings.candidates);
  return findings;
}

/// Whether some rule explains the runs with nothing left to a free fit, to counts or to chance.
bool settled(const Findings& findings) {
  return std::ranges::any_of(findings.candidates,
                             [](const RuleCandidate& one) { return !loosely_fitted(one); });
}

/// The same where scores were rounded. Ties then excuse much, so nothing may have been fitted to them: token
/// choice as it stands, or with the recorded bias.
bool settled_unfitted(const Findings& findings, bool recorded_bias) {
  return std::ranges::any_of(findings.candidates, [&](const RuleCandidate& one) {
    if (one.id == ids::top_k) return true;
    if (one.id == ids::group_limited_top_k) return recorded_bias || one.parameters.find("bias") == nullptr;
    return one.id == ids::biased_top_k && recorded_bias;
  });
}

/// Names what was ranked. A fit that ranked a function of its scores names both.
void write_transform(std::string_view transform, RuleCandidate& candidate) {
  Value::Object parameters = *candidate.parameters.object();
  for (auto& [key, value] : parameters) {
    if (key != "ranking") continue;
    value = fmt::format("{} of {}", *value.text(), transform);
    transform = {};
  }
  if (!transform.empty()) parameters.emplace_back("ranking", std::string(transform));
  candidate.parameters = std::move(parameters);
}

bool out_of_order(const RunProfile& profile) { return profile.unordered > 0; }
bool rounds(std::string_view transform) { return transform == as_bfloat16 || transform == as_float16; }

/// The same for scores as the rule may have seen them. The first transform that settles the layer is taken.
void try_transforms(std::span<const LayerRun> runs, Findings& findings) {
  for (const auto transform : usable_transforms(runs)) {
    const TransformedRuns changed(runs, transform);
    std::vector<RunProfile> profiles;
    for (const auto& run : changed.runs()) profiles.push_back(profile(run, changed.runs().size() == 1));
    const bool rounded = rounds(transform);
    const bool recorded_bias = !runs.front().layer->bias.empty();
    // Nothing is fitted to rounded scores: they help plain top-k, or the bias that was recorded.
    if (rounded && !recorded_bias && std::ranges::any_of(profiles, out_of_order)) continue;
    Findings found = try_rules(RunSet(changed.runs(), std::move(profiles)));
    if (!(rounded ? settled_unfitted(found, recorded_bias) : settled(found))) continue;
    for (auto& one : found.candidates) write_transform(transform, one);
    findings = std::move(found);
    return;
  }
}

/// Padding that was routed is among the tokens that a rule saw: a rule that is told its padding has to count
/// it.
void write_padding(std::span<const LayerRun> runs, Findings& findings) {
  const bool routed = std::ranges::any_of(runs, [](const LayerRun& run) {
    return std::ranges::find(run.valid, 0) != run.valid.end() && skipped_tokens(run).empty();
  });
  if (!routed) return;
  for (auto& one : findings.candidates) {
    const RuleInfo* const info = find_rule(one.id);
    if (info == nullptr || !takes(*info, "padding")) continue;
    Value::Object parameters = *one.parameters.object();
    parameters.emplace_back("padding", "counts");
    one.parameters = std::move(parameters);
  }
}

/// Whether the simplest explanation is a bias that nobody recorded.
bool rests_on_a_fit(const Findings& findings, std::span<const LayerRun> runs) {
  return findings.candidates.front().id == ids::biased_top_k && runs.front().layer->bias.empty();
}

/// Plain top-k of rounded scores, which leaves nothing to fit, in place of a fitted bias.
void try_rounded(std::span<const LayerRun> runs, Findings& findings) {
  for (const auto transform : usable_transforms(runs)) {
    if (!rounds(transform)) continue;
    const TransformedRuns changed(runs, transform);
    std::vector<RunProfile> profiles;
    for (const auto& run : changed.runs()) profiles.push_back(profile(run, false));
    if (std::ranges::any_of(profiles, out_of_order)) continue;
    Findings found = try_rules(RunSet(changed.runs(), std::move(profiles)));
    if (!found.accepted(ids::top_k)) continue;
    for (auto& one : found.candidates) write_transform(transform, one);
    findings = std::move(found);
    return;
  }
}

std::optional<bool> verdict(const std::vector<RuleCandidate>& candidates) {
  if (candidates.empty()) return std::nullopt;
  const auto first = candidates.front().causal;
  const bool agreed = std::ranges::all_of(
      candidates, [&](const RuleCandidate& candidate) { return candidate.causal == first; });
  return agreed ? first : std::nullopt;
}

double best_share(const std::vector<Rejection>& rejected) {
  double share = 0.0;
  for (const auto& one : rejected) share = std::max(share, one.explained.value_or(0.0));
  return share;
}

}  // namespace

void state_simplest(Identification& layer) {
  auto& rule = layer.rule;
  rule.causal = verdict(rule.candidates);
  if (rule.candidates.empty()) {
    rule.id.reset();
    rule.parameters = Value::Object{};
    rule.explained = best_share(layer.rejected);
    return;
  }
  rule.id = rule.candidates.front().id;
  rule.parameters = rule.candidates.front().parameters;
  rule.explained = 1.0;
}

Identification identify(std::span<const LayerRun> runs) {
  std::vector<RunProfile> profiles;
  if (why_not_judged(runs).empty()) {
    for (const auto& run : runs) profiles.push_back(profile(run, runs.size() == 1));
  }
  return identify(runs, std::move(profiles));
}

Identification identify(std::span<const LayerRun> runs, std::vector<RunProfile> profiles) {
  Identification found;
  found.rule.parameters = Value::Object{};
  found.not_judged = why_not_judged(runs);
  if (!found.not_judged.empty()) return found;
  std::vector<LayerRun> filled;
  std::vector<RunProfile> their_profiles;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (runs[i].layout.tokens() == 0 || runs[i].layer->experts == 0) continue;
    filled.push_back(runs[i]);
    their_profiles.push_back(std::move(profiles[i]));
  }
  if (filled.empty()) {
    found.not_judged = "the layer holds no decision";
    return found;
  }
  const RunSet set(filled, std::move(their_profiles));
  if (set.tokens() == 0) {
    found.not_judged = "the layer holds no decision: every token is padding";
    return found;
  }
  if (set.largest_count() == 0) {
    found.not_judged = "no token was routed to any expert";
    return found;
  }
  found.tokens = set.tokens();
  Findings findings = try_rules(set);
  if (!settled(findings)) {
    try_transforms(filled, findings);
  } else if (rests_on_a_fit(findings, filled)) {
    try_rounded(filled, findings);
  }
  write_padding(filled, findings);
  found.rule.candidates = std::move(findings.candidates);
  found.rejected = std::move(findings.rejected);
  state_simplest(found);
  return found;
}

}  // namespace pastonly::routing
