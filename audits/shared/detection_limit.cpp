#include "audits/shared/detection_limit.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "audits/shared/influence_chart.h"
#include "comparison/coverage.h"
#include "comparison/trials.h"
#include "comparison/unanswered.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"
#include "stats/interval.h"
#include "subjects/cuts.h"

namespace pastonly::audits {
namespace {

/// Upper limit of a rate; 1 where nothing was seen. Without a change in n trials it is 1 - alpha^(1/n).
double upper_limit(std::uint64_t changed, std::uint64_t n, double alpha) {
  return n == 0 ? 1.0 : stats::clopper_pearson_upper(changed, n, alpha);
}

const Trace& base_of(const comparison::Trials& trials) {
  return trials.rows.front().of.compared->reference->base;
}

void limit_chunks(const comparison::Trials& trials, DetectionLimit& limit) {
  if (trials.rows.empty()) return;
  std::vector<subjects::CutPoint> cuts;
  for (const comparison::Trial& trial : trials.rows)
    cuts.push_back({trial.of.changed_row.row, trial.of.changed_row.cut});
  const Trace& base = base_of(trials);
  limit.unseen_chunks = subjects::unseen_chunks(cuts, base.layout, base.order_known);
  if (base.layout.positions > 2)
    limit.unseen_after_first = subjects::unseen_chunks(cuts, base.layout, base.order_known, 1);
  for (const auto& at :
       subjects::further_cuts(cuts, base.layout, base.order_known, limit.unseen_chunks.empty() ? 1 : 0))
    limit.suggested_cuts.push_back({at.row, at.cut});
}

void report_trial_rate(const comparison::Trials& trials, double alpha, Ran& out) {
  const stats::Interval interval = stats::clopper_pearson(trials.draws_moved, trials.draws, alpha);
  const auto n = static_cast<double>(trials.draws);
  out.measurements.push_back({measurement::trial_rate,
                              static_cast<double>(trials.draws_moved) / n,
                              interval.lower,
                              interval.upper,
                              "fraction",
                              trials.draws,
                              {}});
}

void report_unanswered(std::vector<LayerIndex> layers, Ran& out) {
  if (layers.empty()) return;
  Claim claim;
  claim.id = claim::unanswered;
  claim.basis = Claim::Basis::observation;
  claim.message = fmt::format(
      "{}: no redrawn token is routed otherwise than before, and neither scores nor gates say that the "
      "router "
      "gives one answer to all; nothing here would have shown a leak",
      layer_list(layers));
  claim.layers = std::move(layers);
  claim.help =
      "Record the masks (or expert ids) of every run anew, after selection, with scores or gates beside "
      "them.";
  out.claims.push_back(std::move(claim));
}

/// Whether the recording follows its tokens: how much is routed otherwise where tokens were redrawn.
void report_moved_after_cut(const comparison::Trials& trials, Ran& out) {
  const auto moved = comparison::moved_after_cut(trials.rows);
  for (std::size_t l = 0; l < moved.tokens.size(); ++l) {
    if (moved.tokens[l] == 0) continue;
    out.measurements.push_back({measurement::moved_after_cut,
                                static_cast<double>(moved.moved[l]) / static_cast<double>(moved.tokens[l]),
                                {},
                                {},
                                "fraction",
                                moved.tokens[l],
                                base_of(trials).layers[l].index});
  }
  report_unanswered(comparison::unanswered_layers(trials.rows, moved), out);
}

comparison::Trials trials_of(const SuffixStudy& study, const comparison::RunComparisons& future,
                             const GroupedRows& grouped) {
  std::vector<comparison::ComparedRow> rows;
  for (std::size_t i = 0; i < future.runs.size(); ++i) {
    const comparison::RunComparison& compared = future.runs[i];
    rows.push_back({&compared, study.single[i].rows.front(), compared.difference.changed()});
  }
  if (grouped.settled()) rows.insert(rows.end(), grouped.rows.begin(), grouped.rows.end());
  return comparison::count_trials(rows);
}

}  // namespace

void report_limit(const CheckContext& context, const SuffixStudy& study,
                  const comparison::RunComparisons& future, const Evidence& evidence,
                  const GroupedRows& grouped, Ran& out) {
  const double alpha = context.policy.alpha;
  const comparison::Trials trials = trials_of(study, future, grouped);
  const bool noise = evidence.strength == Evidence::Strength::noise;
  // Where nothing changed, that runs may change by themselves takes nothing from it.
  const bool chance = noise || (future.tally.changed() && future.stochastic) || grouped.stochastic;
  if (trials.draws > 0 && !chance) report_trial_rate(trials, alpha, out);
  DetectionLimit limit;
  limit.trials = trials.draws;
  limit.sequences = trials.sequences;
  limit.confidence = 1.0 - alpha;
  limit.decisions = future.tally.decisions() + (grouped.settled() ? grouped.decisions : 0);
  // Where chance flips decisions, a trial shows nothing.
  if (!chance) {
    limit.trial_rate = upper_limit(trials.draws_moved, trials.draws, alpha);
    limit.sequence_rate = upper_limit(trials.sequences_moved, trials.sequences, alpha);
    limit.decision_rate = upper_limit(future.tally.flips(), limit.decisions, alpha);
  }
  if (noise && trials.draws > 0) limit.planted_share = evidence.noise.planted_share.value_or(1.0);
  limit.left_out = trials.left_out;
  if (!study.unchanged.empty()) limit.left_out.push_back({study.unchanged, "no token is redrawn"});
  limit.left_out.insert(limit.left_out.end(), grouped.open.begin(), grouped.open.end());
  for (const auto layer : context.observations.subject().info().unrecorded_layers)
    limit.unrecorded_layers.push_back(layer);
  limit_chunks(trials, limit);
  limit.coverage = comparison::coverage_of(trials.rows, context.observations.subject().info().special_tokens);
  report_moved_after_cut(trials, out);
  if (!chance) {
    if (auto chart = influence_chart(trials.rows, evidence.strength >= Evidence::Strength::statistical))
      out.charts.push_back(*std::move(chart));
  }
  out.detection_limit = std::move(limit);
}

}  // namespace pastonly::audits
