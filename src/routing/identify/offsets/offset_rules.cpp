#include "routing/identify/offsets/offset_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernels/elementary.h"
#include "routing/identify/offsets/moving_state.h"
#include "routing/identify/offsets/offset_replay.h"
#include "routing/identify/offsets/offsets.h"
#include "routing/identify/shared/batches.h"
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

/// Whether every run holds a bias of its own that explains its decisions.
bool recorded_biases_hold(const RunSet& runs, const RankingFit& fit) {
  if (fit.ranking != Ranking::score || fit.runs.size() != runs.size()) return false;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto& recorded = runs.run(i).layer->bias;
    if (recorded.size() != runs.experts()) return false;
    const std::vector<double> bias(recorded.begin(), recorded.end());
    double largest = 0.0;
    for (const double value : bias) largest = std::max(largest, std::abs(value));
    if (!holds(fit.runs[i], bias, fit.tolerance + 4.0 * 0x1p-24 * largest)) return false;
  }
  return true;
}

/// The largest difference between the biases recorded with two runs.
double largest_move(const RunSet& runs) {
  double move = 0.0;
  for (std::size_t e = 0; e < runs.experts(); ++e) {
    float least = runs.run(0).layer->bias[e], most = least;
    for (std::size_t i = 1; i < runs.size(); ++i) {
      least = std::min(least, runs.run(i).layer->bias[e]);
      most = std::max(most, runs.run(i).layer->bias[e]);
    }
    move = std::max(move, static_cast<double>(most) - static_cast<double>(least));
  }
  return move;
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
    const auto recorded =
        std::ranges::find_if(fits_, [&](const auto& fit) { return recorded_biases_hold(runs_, fit); });
    const bool known = recorded != fits_.end();
    if (known && largest_move(runs_) > 0.0) {
      accept_moving_bias();
      return;
    }
    const bool verified = try_biased(known ? &*recorded : nullptr);
    const auto* by_run = verified ? nullptr : fit_by_run(Ranking::score);
    if (by_run != nullptr && runs_.size() > 1 && !supported(runs_.size())) {
      by_run = nullptr;
      if (findings_.accepted(ids::biased_top_k)) findings_.candidates.back().causal.reset();
    }
    const bool moved = by_run != nullptr && !findings_.accepted(ids::biased_top_k);
    const auto why = moved ? movement_of(*by_run) : Movement::with_batch;
    if (try_sinkhorn(verified, why) || why == Movement::with_batch) {
      if (by_run != nullptr) accept_same_batch(*by_run);
    } else {
      accept_moving_offset(*by_run);
      accept_same_batch(*by_run);
    }
  }

 private:
  /// A fit has as many free figures as there are experts. It is tested by the tokens that plain top-k fails
  /// to explain, and says nothing where they are fewer: `fits` of them, over all runs.
  bool supported(std::size_t fits) const {
    std::size_t unordered = 0;
    for (std::size_t i = 0; i < runs_.size(); ++i) unordered += runs_.profile(i).unordered;
    return unordered >= fits * runs_.experts();
  }

  Movement movement_of(const RankingFit& fit) const {
    return movement(runs_, [&](const std::vector<std::size_t>& set) {
      DifferenceConstraints joint(runs_.experts());
      for (const std::size_t i : set) joint.tighten(fit.runs[i].limits);
      return joint.negative_cycle(fit.tolerance).empty();
    });
  }
  /// Every run's own bias explains it, and they differ.
  void accept_moving_bias() {
    const auto why = movement(runs_, [&](const std::vector<std::size_t>& set) {
      const auto& bias = runs_.run(set.front()).layer->bias;
      return std::ranges::all_of(set, [&](std::size_t i) { return runs_.run(i).layer->bias == bias; });
    });
    if (why == Movement::with_batch) {
      findings_.reject(ids::biased_top_k, "the recorded bias changes with the batch, and only with it");
    } else {
      const auto& first = runs_.run(0).layer->bias;
      findings_.accept(ids::biased_top_k, {{"k", k_},
                                           {"bias", to_array({first.begin(), first.end()})},
                                           {"state", "moved between runs"},
                                           {"moved", largest_move(runs_)}});
    }
    findings_.reject(ids::sinkhorn, "the recorded bias of each run explains it");
    findings_.accept(ids::biased_top_k_same_batch, {{"k", k_}, {"fit", "recorded bias of every run"}});
  }
  /// No offset serves all runs, and nothing shows that the batch sets it.
  void accept_moving_offset(const RankingFit& fit) {
    Value::Object parameters{{"k", k_}};
    if (const auto own = fit.runs.front().limits.solve(fit.tolerance)) {
      parameters.emplace_back("bias", to_array(own->values));
    }
    parameters.emplace_back("state", "moved between runs");
    parameters.emplace_back("fit", "free offset in every run");
    write_ranking(fit.ranking, parameters);
    findings_.accept(ids::biased_top_k, std::move(parameters));
  }
  void accept_same_batch(const RankingFit& fit) {
    Value::Object parameters{{"k", k_}, {"fit", "free offset in every run"}};
    if (const auto own = fit.runs.front().limits.solve(fit.tolerance)) {
      const auto [least, most] = std::ranges::minmax(own->values);
      parameters.emplace_back("spread", most - least);
    }
    write_ranking(fit.ranking, parameters);
    findings_.accept(ids::biased_top_k_same_batch, std::move(parameters));
  }

  /// Whether the offset is known to be one that no single batch could have set. `recorded`: the fit that the
  /// recorded bias meets, the same in all runs.
  bool try_biased(const RankingFit* recorded) {
    std::optional<Counterexample> tied;
    for (auto& fit : fits_) {
      if (!fit.joint) continue;
      const bool verified = recorded == &fit;
      if (!verified && fit.joint->slack <= fit.tolerance) {
        tied = not_given_back(runs_, fit.ranking, fit.joint->values, fit.tolerance);
        if (tied) {
          fit.by_run &= runs_.size() > 1;
          continue;
        }
      }
      const auto& known = runs_.run(0).layer->bias;
      const auto bias = verified ? std::vector<double>(known.begin(), known.end()) : fit.joint->values;
      Value::Object parameters{{"k", k_}, {"bias", to_array(bias)}};
      write_ranking(fit.ranking, parameters);
      std::vector<std::string_view> equivalents{ids::quantile_balancing};
      findings_.accept(ids::biased_top_k, std::move(parameters), equivalents);
      if (!verified && !supported(2)) findings_.candidates.back().causal.reset();
      return verified || several_batches(runs_);
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

  /// Whether Sinkhorn's own factors, which leave nothing free, explain the runs.
  bool try_sinkhorn(bool verified, Movement why) {
    // Sinkhorn balances exp(logits): its offset is added to logits, or to log probabilities.
    const bool logits = !runs_.run(0).layer->scores.has_value();
    const auto* fit = fit_by_run(logits ? Ranking::score : Ranking::log_score);
    if (fit == nullptr) {
      findings_.reject(ids::sinkhorn, "no offset per expert explains every run by itself");
      return false;
    }
    const bool free = runs_.size() == 1 || supported(runs_.size());
    const auto& natural = fits_[logits ? 0 : 1];
    const bool small = runs_.tokens() * runs_.experts() <= refit_limit;
    if (natural.by_run && small) {
      if (const auto refit = refit_sinkhorn(runs_, natural, logits)) {
        findings_.accept(ids::sinkhorn, {{"k", k_},
                                         {"tolerance", refit->tolerance},
                                         {"input", logits ? "logits" : "probabilities"},
                                         {"fit", std::string(refit->end)}});
        return true;
      }
    }
    if (verified) {
      findings_.reject(ids::sinkhorn,
                       small ? "one offset serves all runs, and it is not the one that balances them"
                             : "one offset serves all runs");
      return false;
    }
    if (!free) {
      findings_.reject(ids::sinkhorn, "fewer tokens contradict plain top-k than there are offsets to fit");
      return false;
    }
    if (why == Movement::by_itself) {
      findings_.reject(ids::sinkhorn, "runs of equal scores need different offsets");
      return false;
    }
    Value::Object parameters{{"k", k_}, {"fit", "free offset in every run"}};
    if (!small) parameters.emplace_back("refitted", false);
    write_ranking(fit->ranking, parameters);
    findings_.accept(ids::sinkhorn, std::move(parameters));
    return false;
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
