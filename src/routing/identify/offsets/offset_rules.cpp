#include "routing/identify/offsets/offset_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernels/elementary.h"
#include "routing/identify/offsets/batches.h"
#include "routing/identify/offsets/offset_replay.h"
#include "routing/identify/offsets/offsets.h"
#include "routing/rule_ids.h"
#include "routing/rules/sinkhorn.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t ranking_probe = 512;  // enough for most wrong rankings to contradict themselves
constexpr std::size_t refit_limit = std::size_t{1} << 22;  // scores of all runs that Sinkhorn is refitted on

/// The limits of every run under one ranking, as far as they can be met.
struct RankingFit {
  Ranking ranking{};
  std::vector<OffsetLimits> runs;
  double tolerance = 0.0;  ///< the largest of the runs'
  std::optional<DifferenceConstraints::Solution> joint;
  bool by_run = false;
  std::vector<std::size_t> cycle;  ///< why there is no joint solution
};

bool solvable(const OffsetLimits& limits) {
  return limits.possible && limits.limits.negative_cycle(limits.tolerance).empty();
}

RankingFit fit_ranking(const RunSet& runs, Ranking ranking) {
  RankingFit fit;
  fit.ranking = ranking;
  const auto first = runs.view(0);
  if (first->tokens() > 2 * ranking_probe) {
    const auto probe = offset_limits(*first, ranking, ranking_probe);
    if (!probe.possible) return fit;
    fit.cycle = probe.limits.negative_cycle(probe.tolerance);
    if (!fit.cycle.empty()) return fit;
  }
  fit.by_run = true;
  DifferenceConstraints joint(runs.experts());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    fit.runs.push_back(offset_limits(*runs.view(i), ranking, runs.view(i)->tokens()));
    const auto& added = fit.runs.back();
    if (!added.possible) {
      RankingFit none;
      none.ranking = ranking;
      return none;
    }
    fit.tolerance = std::max(fit.tolerance, added.tolerance);
    joint.tighten(added.limits);
    if (runs.size() > 1) fit.by_run &= solvable(added);
  }
  fit.joint = joint.solve(fit.tolerance);
  if (runs.size() == 1) fit.by_run = fit.joint.has_value();
  if (!fit.joint) fit.cycle = joint.negative_cycle(fit.tolerance);
  return fit;
}

bool holds(const OffsetLimits& found, const std::vector<double>& offsets, double tolerance) {
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    for (std::size_t j = 0; j < offsets.size(); ++j) {
      if (offsets[j] - offsets[i] > found.limits.limit(i, j) + tolerance) return false;
    }
  }
  return true;
}

/// The bias recorded with the runs, if all hold the same one and it explains every decision.
std::optional<std::vector<double>> verified_bias(const RunSet& runs, const RankingFit& fit) {
  if (fit.ranking != Ranking::score || fit.runs.size() != runs.size()) return std::nullopt;
  const auto& recorded = runs.run(0).layer->bias;
  if (recorded.size() != runs.experts()) return std::nullopt;
  const std::vector<double> bias(recorded.begin(), recorded.end());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (runs.run(i).layer->bias != recorded) return std::nullopt;
    double largest = 0.0;
    for (const double value : bias) largest = std::max(largest, std::abs(value));
    if (!holds(fit.runs[i], bias, fit.tolerance + 4.0 * 0x1p-24 * largest)) return std::nullopt;
  }
  return bias;
}

Value::Array to_array(const std::vector<double>& values) {
  Value::Array array;
  for (const double value : values) array.emplace_back(static_cast<double>(static_cast<float>(value)));
  return array;
}

void write_ranking(Ranking ranking, Value::Object& parameters) {
  if (ranking != Ranking::score) parameters.emplace_back("ranking", std::string(name(ranking)));
}

/// Sinkhorn's factors recomputed from each run's scores: "early-stop" as Megatron ends it, "converged",
/// or nullopt where neither explains all runs.
struct Refit {
  std::string_view end;
  double tolerance;
};
std::optional<Refit> refit_sinkhorn(const RunSet& runs, const RankingFit& fit, bool logits) {
  if (fit.runs.size() != runs.size()) return std::nullopt;
  for (const Refit& refit : {Refit{"early-stop", 1e-4}, Refit{"converged", 1e-9}}) {
    bool explains = true;
    for (std::size_t i = 0; i < runs.size() && explains; ++i) {
      const auto view = runs.view(i);
      SinkhornOptions options;
      options.tolerance = refit.tolerance;
      options.logits = logits;
      const auto valid = view->has_padding() ? runs.run(i).valid : std::span<const std::uint8_t>{};
      auto offsets = sinkhorn_factors(view->scores(), valid, options);
      for (double& factor : offsets) factor = kernels::log(factor);
      // Producers iterate in float32: their factors carry a few units in the last place.
      explains = holds(fit.runs[i], offsets, fit.tolerance + 1e-5);
    }
    if (explains) return refit;
  }
  return std::nullopt;
}

class OffsetRules {
 public:
  OffsetRules(const RunSet& runs, Findings& findings)
      : runs_(runs), findings_(findings), k_(runs.largest_count()) {}

  void try_all() {
    for (const auto ranking : {Ranking::score, Ranking::log_score, Ranking::log_odds}) {
      fits_.push_back(fit_ranking(runs_, ranking));
    }
    const bool verified = try_biased();
    try_sinkhorn(verified);
    if (verified) return;
    if (const auto* fit = fit_by_run(Ranking::score)) {
      Value::Object parameters{{"k", k_}, {"fit", "free offset in every run"}};
      write_ranking(fit->ranking, parameters);
      findings_.accept(ids::biased_top_k_same_batch, std::move(parameters));
    }
  }

 private:
  /// Whether the offset is known to be one that no single batch could have set.
  bool try_biased() {
    std::optional<Counterexample> tied;
    for (auto& fit : fits_) {
      if (!fit.joint) continue;
      const auto recorded = verified_bias(runs_, fit);
      if (!recorded && fit.joint->slack <= fit.tolerance) {
        tied = not_given_back(runs_, fit.ranking, fit.joint->values, fit.tolerance);
        if (tied) {
          fit.by_run &= runs_.size() > 1;
          continue;
        }
      }
      Value::Object parameters{{"k", k_}, {"bias", to_array(recorded.value_or(fit.joint->values))}};
      write_ranking(fit.ranking, parameters);
      std::vector<std::string_view> equivalents{ids::quantile_balancing};
      findings_.accept(ids::biased_top_k, std::move(parameters), equivalents);
      return recorded.has_value() || several_batches(runs_);
    }
    const auto& plain = fits_.front();
    if (tied) {
      findings_.reject(ids::biased_top_k, std::move(*tied));
    } else if (!plain.cycle.empty()) {
      findings_.reject(ids::biased_top_k, contradiction(runs_, plain.ranking, plain.cycle));
    } else {
      findings_.reject(ids::biased_top_k, "an expert without a score was chosen over one with a score");
    }
    return false;
  }

  /// A fit that serves run by run; `preferred` if it does.
  const RankingFit* fit_by_run(Ranking preferred) const {
    const RankingFit* found = nullptr;
    for (const auto& fit : fits_) {
      if (!fit.by_run) continue;
      if (found == nullptr || fit.ranking == preferred) found = &fit;
    }
    return found;
  }

  void try_sinkhorn(bool verified) {
    // Sinkhorn balances exp(logits): its offset is added to logits, or to log probabilities.
    const bool logits = !runs_.run(0).layer->scores.has_value();
    const auto* fit = fit_by_run(logits ? Ranking::score : Ranking::log_score);
    if (fit == nullptr) {
      findings_.reject(ids::sinkhorn, "no offset per expert explains every run by itself");
      return;
    }
    const auto& natural = fits_[logits ? 0 : 1];
    const bool small = runs_.tokens() * runs_.experts() <= refit_limit;
    if (natural.by_run && small) {
      if (const auto refit = refit_sinkhorn(runs_, natural, logits)) {
        findings_.accept(ids::sinkhorn, {{"k", k_},
                                         {"tolerance", refit->tolerance},
                                         {"input", logits ? "logits" : "probabilities"},
                                         {"fit", std::string(refit->end)}});
        return;
      }
    }
    if (verified) {
      findings_.reject(ids::sinkhorn,
                       small ? "one offset serves all runs, and it is not the one that balances them"
                             : "one offset serves all runs");
      return;
    }
    Value::Object parameters{{"k", k_}, {"fit", "free offset in every run"}};
    if (!small) parameters.emplace_back("refitted", false);
    write_ranking(fit->ranking, parameters);
    findings_.accept(ids::sinkhorn, std::move(parameters));
  }

  const RunSet& runs_;
  Findings& findings_;
  std::size_t k_;
  std::vector<RankingFit> fits_;
};

}  // namespace

void try_offset_rules(const RunSet& runs, Findings& findings) {
  if (findings.accepted(ids::top_k) || runs.experts() < 2) return;
  if (runs.smallest_count() != runs.largest_count() || runs.largest_count() == 0) {
    const std::string reason =
        fmt::format("tokens take from {} to {} experts", runs.smallest_count(), runs.largest_count());
    for (const auto id : {ids::biased_top_k, ids::sinkhorn}) findings.reject(id, reason);
    return;
  }
  OffsetRules(runs, findings).try_all();
}

}  // namespace pastonly::routing::hypotheses
