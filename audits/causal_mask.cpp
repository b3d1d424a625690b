#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <tuple>

#include "audits/checks.h"
#include "audits/shared/dependence_report.h"
#include "comparison/run_comparison.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"
#include "stats/interval.h"
#include "subjects/cuts.h"

namespace pastonly::audits {
namespace {

constexpr DependenceWords future_wording{
    claim::flip, "decisions before the cut", "only later tokens of the same sequence were redrawn",
    "Routing depends on later tokens. `pastonly explain RULE` says what to use instead of a layer's rule. A "
    "layer of origin \"inherited\" only passes on the change of an earlier layer."};
constexpr DependenceWords future_or_batch_words{
    claim::future_or_batch, "decisions before the cut",
    "the suffixes of several sequences were redrawn at once",
    "Record suffix runs that change one row at a time. They separate "
    "dependence on later tokens from dependence on other sequences."};

/// The suffix runs of a subject, by what they can prove.
struct Suffixes {
  std::vector<comparison::RunRegions> future;     ///< one row changed, its own past looked at
  std::vector<comparison::RunRegions> others;     ///< the same runs, the other rows looked at
  std::vector<comparison::RunRegions> ambiguous;  ///< several rows changed, their own past looked at
};

Expected<Suffixes> collect_suffixes(evidence::Observations& observations) {
  Suffixes out;
  for (const Intervention* run : observations.runs(Intervention::Kind::suffix)) {
    const auto base = observations.base_of(*run);
    if (!base) return tl::unexpected(base.error());
    const auto rows = comparison::changed_rows(*run, base->layout);
    std::vector<comparison::Region> own;
    own.reserve(rows.size());
    for (const std::size_t row : rows) own.push_back({row, row, run->cut});
    if (!comparison::single_row(*run, base->layout)) {
      out.ambiguous.push_back({run, std::move(own)});
      continue;
    }
    out.future.push_back({run, std::move(own)});
    comparison::RunRegions others{run, {}};
    for (std::size_t row = 0; row < base->layout.sequences; ++row) {
      if (row != rows.front()) others.regions.push_back({row, row, base->layout.positions});
    }
    if (!others.regions.empty()) out.others.push_back(std::move(others));
  }
  return out;
}

/// Independent trials: one suffix draw in one sequence, counted once. A draw that changed no token is none.
struct Trials {
  std::uint64_t count = 0, changed = 0;
  std::vector<subjects::CutPoint> cuts;
};

Trials count_trials(const comparison::RunComparisons& compared_runs) {
  Trials out;
  std::set<std::tuple<std::uint32_t, std::size_t, std::size_t, std::uint32_t>> counted;
  for (const comparison::RunComparison& compared : compared_runs.runs) {
    const Intervention& run = *compared.run;
    const Trace& base = compared.reference->base;
    const std::size_t row = comparison::changed_rows(run, base.layout).front();
    const bool drawn = base.tokens.empty() || compared.tokens_changed > 0;
    if (!drawn || run.cut == 0 || !counted.emplace(run.base.value_or(0), run.cut, row, run.resample).second)
      continue;
    ++out.count;
    out.changed += compared.difference.changed() ? 1 : 0;
    out.cuts.push_back({row, run.cut});
  }
  return out;
}

void report_trials(const comparison::RunComparisons& compared_runs, double alpha, Ran& out) {
  const Trials trials = count_trials(compared_runs);
  const auto n = static_cast<double>(trials.count);
  const stats::Interval interval = stats::clopper_pearson(trials.changed, trials.count, alpha);
  if (trials.count > 0 && !compared_runs.stochastic) {
    out.measurements.push_back({measurement::trial_rate,
                                static_cast<double>(trials.changed) / n,
                                interval.lower,
                                interval.upper,
                                "fraction",
                                trials.count,
                                {}});
  }
  DetectionLimit limit;
  limit.trials = trials.count;
  limit.confidence = 1.0 - alpha;
  // With no change in n trials this is 1 - alpha^(1/n). Where chance flips decisions, a trial shows nothing.
  const bool blind = trials.count == 0 || compared_runs.stochastic;
  limit.trial_rate = blind ? 1.0 : stats::clopper_pearson_upper(trials.changed, trials.count, alpha);
  if (!compared_runs.runs.empty()) {
    const Trace& base = compared_runs.runs.front().reference->base;
    limit.unseen_chunks = subjects::unseen_chunks(trials.cuts, base.layout, base.order_known);
  }
  out.detection_limit = limit;
}

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
    if (noisy || (undecided && facts.origin->kind != "none")) facts.origin = LayerFacts::Origin{"unknown", false};
    out.layers.push_back(std::move(facts));
  }
}

/// Runs that changed several rows: what they show is a claim only if no single-row run explains it.
Expected<void> report_ambiguous(const CheckContext& context, comparison::References& references,
                                const Suffixes& suffixes, const comparison::RunComparisons& future,
                                Ran& out) {
  const auto together = comparison::compare_runs(context.observations, references, suffixes.ambiguous);
  if (!together) return tl::unexpected(together.error());
  if (together->runs.empty()) return {};
  const Trace& base = together->runs.front().reference->base;
  const auto figures =
      comparison::measurements(together->tally, base, "several_rows_", context.policy.alpha, context.seed);
  std::copy_if(
      figures.begin(), figures.end(), std::back_inserter(out.measurements),
      [](const Measurement& figure) { return figure.name == measurement::several_rows_flip_rate_decisions; });
  if (!together->tally.changed() || future.tally.changed()) return {};
  const auto others = comparison::compare_runs(context.observations, references, suffixes.others);
  if (!others) return tl::unexpected(others.error());
  if (others->tally.changed()) return {};
  const auto evidence = report_dependence(context, references, *together, {}, future_or_batch_words, out);
  if (!evidence) return tl::unexpected(evidence.error());
  return {};
}

constexpr std::array causal_runs{Intervention::Kind::base, Intervention::Kind::repeat,
                                 Intervention::Kind::suffix};

Outcome run_causal_mask(const CheckContext& context) {
  const auto suffixes = collect_suffixes(context.observations);
  if (!suffixes) return suffixes.error();
  if (suffixes->future.empty() && suffixes->ambiguous.empty()) return nothing_recorded("suffix");
  comparison::References references(context.observations);
  const auto future = comparison::compare_runs(context.observations, references, suffixes->future);
  if (!future) return future.error();
  Ran out;
  if (!future->runs.empty()) {
    const Trace& base = future->runs.front().reference->base;
    out.measurements = comparison::measurements(future->tally, base, "", context.policy.alpha, context.seed);
  }
  report_trials(*future, context.policy.alpha, out);
  const auto evidence =
      report_dependence(context, references, *future, suffixes->others, future_wording, out);
  if (!evidence) return evidence.error();
  report_origins(context, *future, *evidence, out);
  if (auto done = report_ambiguous(context, references, *suffixes, *future, out); !done) return done.error();
  report_chance(*future, out);
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
