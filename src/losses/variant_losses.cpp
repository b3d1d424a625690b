#include "losses/variant_losses.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "routing/rule_facts.h"
#include "routing/rule_ids.h"
#include "stats/parallel.h"

namespace pastonly::losses {
namespace {

constexpr double budget_share = 0.125;  // of a live subject's budget, for each kind

using RunKind = Intervention::Kind;

struct BitSum {
  double bits = 0.0;
  double tokens = 0.0;
};

/// Row `row` of `more` less `less`.
BitSum row_difference(const Trace& more, const Trace& less, std::size_t row) {
  BitSum out;
  for (std::size_t s = 1; s < less.layout.positions; ++s) {
    const std::size_t token = less.layout.token(row, s);
    if (!less.is_valid(token)) continue;
    const double bits = less.log_probs[token] - more.log_probs[token];
    if (!std::isfinite(bits)) continue;
    out.bits += bits / std::numbers::ln2;
    out.tokens += 1.0;
  }
  return out;
}

bool comparable(const Trace& a, const Trace& b) {
  return a.layout == b.layout && a.log_probs.size() == a.layout.tokens() &&
         b.log_probs.size() == b.layout.tokens();
}

/// The recorded runs that change the base of the first of them: runs of one base are averaged.
Expected<void> add_recorded(evidence::Observations& observations,
                            const std::vector<const Intervention*>& found, PairedLoss& out) {
  if (found.empty()) return {};
  const auto base = observations.base_of(*found.front());
  if (!base) return tl::unexpected(base.error());
  std::vector<Trace> runs;
  for (const Intervention* run : found) {
    if (run->base != found.front()->base) continue;
    auto trace = observations.trace(*run);
    if (!trace) return tl::unexpected(trace.error());
    runs.push_back(*std::move(trace));
  }
  out.add(*base, runs);
  return {};
}

/// Those recorded, and those on each fresh batch that a live subject's budget allows.
Expected<PairedLoss> losses(evidence::Observations& observations,
                            const std::vector<const Intervention*>& recorded, const RoutingVariant& routed) {
  PairedLoss out;
  if (auto added = add_recorded(observations, recorded, out); !added) return tl::unexpected(added.error());
  const auto batches = observations.fresh_batches(budget_share);
  if (!batches) return tl::unexpected(batches.error());
  if (auto added = add_fresh(observations, routed, *batches, out); !added)
    return tl::unexpected(added.error());
  return out;
}

}  // namespace

Expected<std::vector<Trace>> fresh_runs(evidence::Observations& observations, const RoutingVariant& routed,
                                        std::size_t first, std::size_t count) {
  std::vector<Expected<Trace>> found(count);
  stats::parallel_for(count, [&](std::size_t i) {
    if (routed.kind == RunKind::base) {
      found[i] = observations.fresh_losses(first + i);
      return;
    }
    Intervention run;
    run.kind = routed.kind;
    run.rule = routed.rule;
    run.seed = first + i;
    found[i] = observations.fresh_losses(first + i, std::move(run));
  });
  std::vector<Trace> out;
  for (auto& trace : found) {
    if (!trace) return tl::unexpected(trace.error());
    out.push_back(*std::move(trace));
  }
  return out;
}

Expected<std::vector<Trace>> recorded_runs(evidence::Observations& observations,
                                           const RoutingVariant& routed) {
  const auto base = observations.base();
  if (!base) return tl::unexpected(base.error());
  if (routed.kind == RunKind::base) return std::vector<Trace>{*base};
  for (const Intervention* run : observations.runs(routed.kind)) {
    if (run->base != observations.runs().front().id || run->rule != routed.rule) continue;
    auto trace = observations.trace(*run);
    if (!trace) return tl::unexpected(trace.error());
    return std::vector<Trace>{*std::move(trace)};
  }
  return std::vector<Trace>{};
}

Expected<void> add_fresh(evidence::Observations& observations, const RoutingVariant& routed,
                         std::size_t batches, PairedLoss& out) {
  const auto in_order = fresh_runs(observations, {}, 0, batches);
  if (!in_order) return tl::unexpected(in_order.error());
  const auto changed = fresh_runs(observations, routed, 0, batches);
  if (!changed) return tl::unexpected(changed.error());
  for (std::size_t i = 0; i < batches; ++i) out.add((*in_order)[i], std::span(&(*changed)[i], 1));
  return {};
}

Expected<PairedLoss> shuffled_losses(evidence::Observations& observations) {
  return losses(observations, observations.runs(RunKind::shuffle), {RunKind::shuffle, ""});
}

Expected<PairedLoss> top_k_losses(evidence::Observations& observations) {
  auto reroutes = observations.runs(RunKind::reroute);
  std::erase_if(reroutes,
                [](const Intervention* run) { return !routing::names_rule(run->rule, routing::ids::top_k); });
  if (reroutes.empty()) return PairedLoss();
  return losses(observations, {reroutes.front()}, {RunKind::reroute, reroutes.front()->rule});
}

Expected<PairedLoss> causal_baseline_losses(evidence::Observations& observations) {
  PairedLoss out;
  Subject* const causal_baseline = observations.subject().causal_baseline();
  const auto bases = observations.runs(RunKind::base);
  if (causal_baseline == nullptr || bases.empty()) return out;
  const auto add = [&](const Expected<Trace>& own, const Intervention& run) -> Expected<void> {
    if (!own) return tl::unexpected(own.error());
    const auto other = causal_baseline->losses(run);
    if (!other) return tl::unexpected(other.error());
    out.add(*own, std::span(&*other, 1));
    return {};
  };
  if (auto added = add(observations.base(), *bases.front()); !added) return tl::unexpected(added.error());
  const auto batches = observations.fresh_batches(budget_share);
  if (!batches) return tl::unexpected(batches.error());
  for (std::size_t i = 0; i < *batches; ++i) {
    if (auto added = add(observations.fresh_losses(i), evidence::Observations::fresh_run(i)); !added)
      return tl::unexpected(added.error());
  }
  return out;
}

Expected<PairedLoss> streamed_losses(evidence::Observations& observations) {
  PairedLoss out;
  const auto recorded = observations.runs(RunKind::stream);
  if (auto added = add_recorded(observations, recorded, out); !added) return tl::unexpected(added.error());
  return out;
}

std::vector<double> loss_differences(std::span<const Trace> more, std::span<const Trace> less) {
  std::vector<double> out;
  for (std::size_t i = 0; i < std::min(more.size(), less.size()); ++i) {
    if (!comparable(more[i], less[i])) continue;
    BitSum batch;
    for (std::size_t row = 0; row < less[i].layout.sequences; ++row) {
      const BitSum here = row_difference(more[i], less[i], row);
      if (less.size() == 1 && here.tokens > 0.0) out.push_back(here.bits / here.tokens);
      batch.bits += here.bits;
      batch.tokens += here.tokens;
    }
    if (less.size() > 1 && batch.tokens > 0.0) out.push_back(batch.bits / batch.tokens);
  }
  return out;
}

double mean_loss(std::span<const Trace> runs) {
  BitSum all;
  for (const Trace& trace : runs) {
    for (std::size_t t = 0; t < trace.log_probs.size(); ++t) {
      if (!std::isfinite(trace.log_probs[t]) || !trace.is_valid(t)) continue;
      all.bits -= trace.log_probs[t] / std::numbers::ln2;
      all.tokens += 1.0;
    }
  }
  return all.tokens > 0.0 ? all.bits / all.tokens : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace pastonly::losses
