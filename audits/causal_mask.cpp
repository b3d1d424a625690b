#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "audits/checks.h"
#include "audits/shared/change_notes.h"
#include "audits/shared/dependence_report.h"
#include "audits/shared/detection_limit.h"
#include "audits/shared/suffix_study.h"
#include "comparison/run_comparison.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"

namespace pastonly::audits {
namespace {

constexpr DependenceWords future_wording{
    &Dependence::future, claim::flip, "decisions before the cut",
    "only later tokens of the same sequence were redrawn",
    "Routing depends on later tokens. `pastonly explain RULE` says what to use instead of a layer's rule. A "
    "layer of origin \"inherited\" only passes on the change of an earlier layer."};
constexpr DependenceWords future_or_batch_words{
    &Dependence::batch, claim::future_or_batch, "decisions before the cut",
    "the suffixes of several sequences were redrawn at once",
    "Record suffix runs that change one row at a time. They separate "
    "dependence on later tokens from dependence on other sequences."};

/// Where each layer's changes come from.
void report_origins(const CheckContext& context, const comparison::RunComparisons& compared_runs,
                    const Evidence& evidence, Ran& out) {
  if (compared_runs.runs.empty()) return;
  const Trace& base = compared_runs.runs.front().reference->base;
  const auto passes_on = [](const comparison::LayerTally& layer) {
    return layer.later_selection && !layer.selection;
  };
  const bool ask =
      std::any_of(compared_runs.tally.layers.begin(), compared_runs.tally.layers.end(), passes_on);
  const bool undecided = evidence.strength < Evidence::Strength::statistical;
  const auto& chance = compared_runs.runs.front().reference->stochastic_layers;
  const auto rules = ask ? context.observations.rules() : Expected<std::vector<LayerFacts::Rule>>{};
  for (std::size_t l = 0; l < compared_runs.tally.layers.size(); ++l) {
    LayerFacts facts;
    facts.index = base.layers[l].index;
    const bool known = rules && l < rules->size();
    facts.origin =
        comparison::origin(compared_runs.tally.layers[l], known ? (*rules)[l].causal : std::nullopt);
    const bool noisy = std::ranges::find(chance.begin(), chance.begin() + static_cast<std::ptrdiff_t>(l) + 1,
                                         true) != chance.begin() + static_cast<std::ptrdiff_t>(l) + 1;
    if (noisy || (undecided && facts.origin->kind != "none"))
      facts.origin = LayerFacts::Origin{"unknown", false};
    out.layers.push_back(std::move(facts));
  }
}

/// A causal rule that makes every decision from the scores as they are; "" where none is known.
std::string causal_candidate(const LayerFacts::Rule& rule) {
  const auto found = std::ranges::find_if(rule.candidates, [](const RuleCandidate& candidate) {
    return candidate.causal == true && candidate.explained >= 1.0;
  });
  return found == rule.candidates.end() ? "" : found->id;
}

/// Where the scores of the first layer that changes had moved before any decision had, no rule is at fault.
void advise_on_scores(const CheckContext& context, Ran& out) {
  const auto kind = [](const LayerFacts& layer, std::string_view is) {
    return layer.origin && layer.origin->kind == is;
  };
  const auto source =
      std::ranges::find_if(out.layers, [&](const auto& layer) { return kind(layer, "scoring"); });
  const bool elsewhere = std::ranges::any_of(out.layers, [&](const auto& layer) {
    return kind(layer, "selection") || kind(layer, "gate") || kind(layer, "unknown");
  });
  if (source == out.layers.end() || elsewhere) return;
  const auto rules = context.observations.rules();
  const auto at = static_cast<std::size_t>(source - out.layers.begin());
  const std::string rule = rules && at < rules->size() ? causal_candidate((*rules)[at]) : std::string();
  for (Claim& claim : out.claims) {
    if (claim.id != claim::flip && claim.id != claim::change) continue;
    claim.help = fmt::format(
        "What feeds the router of layer {} looks ahead: its scores moved before any decision did. {}Look at "
        "the "
        "attention below it, and at normalisations, embeddings and router state that are computed over "
        "tokens.",
        raw(source->index),
        rule.empty()
            ? rule
            : fmt::format("The rule need not be at fault ({} makes every decision from the scores as "
                          "they are), and another would not help. ",
                          rule));
  }
}

/// Runs that changed several rows: what they show is a claim only if no single-row run explains it. Where
/// every row that moved was redrawn alone, and none moved, the other rows moved it: batch-isolation's
/// business.
Expected<void> report_ambiguous(const CheckContext& context, comparison::References& references,
                                const SuffixStudy& study, const comparison::RunComparisons& together,
                                const comparison::RunComparisons& future, const GroupedRows& grouped,
                                Ran& out) {
  if (together.runs.empty()) return {};
  const Trace& base = together.runs.front().reference->base;
  const auto figures =
      comparison::measurements(together.tally, base, "several_rows_", context.policy.alpha, context.seed);
  std::copy_if(
      figures.begin(), figures.end(), std::back_inserter(out.measurements),
      [](const Measurement& figure) { return figure.name == measurement::several_rows_flip_rate_decisions; });
  if (!together.tally.changed() || future.tally.changed()) return {};
  if (grouped.settled() && !grouped.stochastic) return {};
  const auto others = comparison::compare_runs(context.observations, references, study.others(base.layout));
  if (!others) return tl::unexpected(others.error());
  if (others->tally.changed()) return {};
  const auto evidence = report_dependence(context, references, together, {}, future_or_batch_words, out);
  if (!evidence) return tl::unexpected(evidence.error());
  return {};
}

/// Decisions that were derived here from scores say nothing of drops, capacities or state.
void report_derived(const Trace& base, Ran& out) {
  Claim claim;
  for (const LayerRecord& layer : base.layers) {
    if (layer.selection_applied) claim.layers.push_back(layer.index);
  }
  if (claim.layers.empty()) return;
  claim.id = claim::unrecorded_decisions;
  claim.basis = Claim::Basis::observation;
  claim.message = fmt::format(
      "no decision of {} layer{} was recorded: they were derived from the scores as told, so only the scores "
      "were "
      "audited",
      claim.layers.size(), claim.layers.size() == 1 ? "" : "s");
  claim.help = "Record masks or expert ids: what a model's code does to its scores is what an audit is for.";
  out.claims.push_back(std::move(claim));
}

/// Log-probabilities name the token that follows, so they are compared only where it and all before it
/// stayed: a model that sees just that token, and no further, moves none of them.
void report_unseen_predictions(const Trace& base, Ran& out) {
  if (!base.layers.empty() || base.probes > 0) return;
  Claim claim;
  claim.id = claim::unanswered;
  claim.basis = Claim::Basis::observation;
  claim.message =
      "of a model without routed layers log-probabilities alone were recorded: one that sees the very token "
      "that it "
      "predicts, and no further, would have shown nothing";
  claim.help =
      "Record predictions (B, S, probes) as well: ln p that every position gives to a few token ids, the "
      "same in every "
      "run.";
  out.claims.push_back(std::move(claim));
}

constexpr std::array causal_runs{Intervention::Kind::base, Intervention::Kind::repeat,
                                 Intervention::Kind::suffix};

Outcome run_causal_mask(const CheckContext& context) {
  auto study = study_suffixes(context.observations);
  if (!study) return study.error();
  if (study->single.empty() && study->together.empty() && study->unchanged.empty())
    return nothing_recorded("suffix");
  comparison::References references(context.observations);
  const auto together = comparison::compare_runs(context.observations, references, study->ambiguous());
  if (!together) return together.error();
  auto future = comparison::compare_runs(context.observations, references, study->future());
  if (!future) return future.error();
  // Where single rows already move, more of them settle nothing.
  const auto grouped = settle_rows(context.observations, *together, !future->tally.changed(), *study);
  if (!grouped) return grouped.error();
  if (!study->asked.empty())
    future = comparison::compare_runs(context.observations, references, study->future());
  if (!future) return future.error();
  Ran out;
  if (!future->runs.empty()) {
    const Trace& base = future->runs.front().reference->base;
    out.measurements = comparison::measurements(future->tally, base, "", context.policy.alpha, context.seed);
  }
  std::vector<comparison::RunRegions> neutral;
  if (!future->runs.empty()) neutral = study->others(future->runs.front().reference->base.layout);
  const auto evidence = report_dependence(context, references, *future, neutral, future_wording, out);
  if (!evidence) return evidence.error();
  report_limit(context, *study, *future, *evidence, *grouped, out);
  report_origins(context, *future, *evidence, out);
  advise_on_scores(context, out);
  if (auto done = report_ambiguous(context, references, *study, *together, *future, *grouped, out); !done)
    return done.error();
  report_chance(*future, out);
  if (!future->runs.empty()) {
    report_derived(future->runs.front().reference->base, out);
    report_unseen_predictions(future->runs.front().reference->base, out);
  }
  return out;
}

}  // namespace

const Check causal_mask_check{
    check_id::causal_mask,
    "Decisions do not depend on later tokens",
    "Replaces the tokens of a sequence from a cut on, in batches of equal shape, and compares all decisions "
    "before the cut: masks, gates, drops, scores, log-probabilities. One flip that plain repeats do not show "
    "proves that routing depends on later tokens. A pass states the smallest dependence that the runs could "
    "have detected.",
    Needs{},
    run_causal_mask,
    causal_runs,
};

}  // namespace pastonly::audits
