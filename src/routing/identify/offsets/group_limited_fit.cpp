#include "routing/identify/offsets/group_limited_fit.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "routing/identify/offsets/group_bias_fit.h"
#include "routing/identify/offsets/group_choice.h"
#include "routing/identify/offsets/offsets.h"
#include "routing/identify/shared/batches.h"
#include "routing/rule_ids.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr auto group_limited = ids::group_limited_top_k;
constexpr std::size_t probed = 512;    // tokens on which most wrong divisions contradict themselves
constexpr std::size_t sampled = 2048;  // tokens that the bias is fitted on; all tokens judge it

/// The most groups that any of the first tokens chose from, for a division into `groups`.
std::size_t most_touched(const RunSet& runs, std::size_t groups) {
  const std::size_t n = runs.experts(), size = n / groups;
  std::size_t most = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto view = runs.view(i);
    const std::size_t tokens = std::min(view->tokens(), sampled);
    for (std::size_t token = 0; token < tokens && most < groups; ++token) {
      const auto* mask = view->mask().data() + token * n;
      std::size_t touched = 0;
      for (std::size_t g = 0; g < groups; ++g) {
        touched +=
            std::any_of(mask + g * size, mask + (g + 1) * size, [](std::uint8_t bit) { return bit != 0; });
      }
      most = std::max(most, touched);
    }
  }
  return most;
}

/// The first token that does not follow, if any. `recorded`: under the bias of its own run.
std::optional<Counterexample> first_failure(const RunSet& runs, GroupChoice choice, bool recorded) {
  GroupReader reader(runs.experts());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto view = runs.view(i);
    if (recorded) choice.bias = runs.run(i).layer->bias;
    for (std::size_t token = 0; token < view->tokens(); ++token) {
      if (!view->routed(token)) continue;
      const auto* scores = view->scores().row(token).data();
      const auto* mask = view->mask().row(token).data();
      if (!reader.follows(choice, scores, mask))
        return place(*view, token, "not the best experts of its best groups");
    }
  }
  return std::nullopt;
}

std::vector<SampledToken> sample(const RunSet& runs) {
  std::vector<SampledToken> tokens;
  const std::size_t step = std::max<std::size_t>(1, runs.tokens() / sampled);
  std::size_t at = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto view = runs.view(i);
    for (std::size_t token = 0; token < view->tokens(); ++token) {
      if (view->routed(token) && at++ % step == 0) tokens.push_back({view, token});
    }
  }
  return tokens;
}

/// A start that agrees with what experts of groups that were chosen from say of one another; empty where
/// they contradict one another.
std::vector<double> inner_bias(const RunSet& runs, std::size_t groups) {
  const auto probe = offset_limits(*runs.view(0), Ranking::score, probed, groups);
  if (!probe.possible || !probe.limits.solve(probe.tolerance)) return {};
  DifferenceConstraints joint(runs.experts());
  double tolerance = 0.0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto view = runs.view(i);
    const auto limits = offset_limits(*view, Ranking::score, view->tokens(), groups);
    if (!limits.possible) return {};
    tolerance = std::max(tolerance, limits.tolerance);
    joint.tighten(limits.limits);
  }
  const auto solution = joint.solve(tolerance);
  return solution ? solution->values : std::vector<double>{};
}

Value::Object describe(const GroupChoice& choice, std::size_t k) {
  Value::Object parameters{{"k", k},
                           {"groups", choice.groups},
                           {"topk_groups", choice.topk_groups},
                           {"group_score", choice.top2 ? "top2" : "max"},
                           {"group_mask", choice.zero_mask ? "zero" : "inf"}};
  if (!choice.bias.empty()) {
    Value::Array bias;
    for (const float value : choice.bias) bias.emplace_back(static_cast<double>(value));
    parameters.emplace_back("bias", std::move(bias));
  }
  return parameters;
}

/// Whether some sum of score and bias is negative: only then does it matter how other groups are masked.
bool any_negative(const RunSet& runs) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto view = runs.view(i);
    const auto& bias = runs.run(i).layer->bias;
    const std::size_t n = view->experts();
    for (std::size_t at = 0; at < view->scores().size(); ++at) {
      const float sum = view->scores().data()[at] + (bias.size() == n ? bias[at % n] : 0.0F);
      if (sum < 0.0F || view->scores().data()[at] < 0.0F) return true;
    }
  }
  return false;
}

class GroupLimited {
 public:
  GroupLimited(const RunSet& runs, Findings& findings)
      : runs_(runs), findings_(findings), negative_(any_negative(runs)) {
    for (std::size_t groups = 2; groups <= runs.experts() / 2; ++groups) {
      if (runs.experts() % groups != 0) continue;
      const std::size_t touched = most_touched(runs, groups);
      for (std::size_t best = touched; best < groups; ++best)
        shapes_.push_back({groups, best, true, false, {}});
      // Experts of other groups that count as 0 stand above sums that are negative: a token may choose any.
      for (std::size_t best = 1; negative_ && best < groups; ++best)
        zero_shapes_.push_back({groups, best, true, true, {}});
    }
  }

  void try_all() {
    if (shapes_.empty() && zero_shapes_.empty()) {
      findings_.reject(group_limited, "tokens choose from all groups of experts");
      return;
    }
    // A fitted bias beside a plain one that fits already would say nothing.
    const bool explained = try_each([&](GroupChoice& choice) { return attempt(choice, false); }) ||
                           try_recorded() || (!findings_.accepted(ids::biased_top_k) && try_fitted());
    if (!explained && nearest_) findings_.reject(group_limited, std::move(*nearest_));
  }

 private:
  /// Over group divisions, both ways to rank groups and both ways to mask them.
  template <class Attempt>
  bool try_each(Attempt&& attempt) {
    for (const auto* shapes : {&shapes_, &zero_shapes_}) {
      for (const auto& shape : *shapes) {
        for (const bool top2 : {true, false}) {
          GroupChoice choice = shape;
          choice.top2 = top2;
          if (attempt(choice)) return true;
        }
      }
    }
    return false;
  }
  bool attempt(const GroupChoice& choice, bool recorded) {
    if (auto at = first_failure(runs_, choice, recorded)) {
      if (!nearest_) nearest_ = std::move(at);
      return false;
    }
    findings_.accept(group_limited, describe(choice, runs_.largest_count()));
    return true;
  }
  bool try_recorded() {
    bool moved = false;
    const auto& first = runs_.run(0).layer->bias;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      if (runs_.run(i).layer->bias.size() != runs_.experts()) return false;
      moved |= runs_.run(i).layer->bias != first;
    }
    const bool found = try_each([&](GroupChoice& choice) {
      choice.bias = first;
      return attempt(choice, true);
    });
    if (found && moved) {
      Value::Object parameters = *findings_.candidates.back().parameters.object();
      parameters.emplace_back("state", "moved between runs");
      findings_.candidates.back().parameters = std::move(parameters);
    }
    return found;
  }
  bool try_fitted() {
    GroupBiasFit fit(sample(runs_));
    std::size_t groups = 0;
    std::vector<double> start;
    for (const auto& shape : shapes_) {
      if (shape.groups != groups) start = inner_bias(runs_, groups = shape.groups);
      if (start.empty()) continue;
      for (const bool top2 : {true, false}) {
        GroupChoice choice = shape;
        choice.top2 = top2;
        fit.add(std::move(choice), start);
      }
    }
    // How other groups are masked shows only where a sum is negative: one fit serves both.
    const bool found = fit.run([&](GroupChoice& choice) {
      if (attempt(choice, false)) return true;
      choice.zero_mask = true;
      return attempt(choice, false);
    });
    // A bias that was fitted to one batch may have been computed from it.
    if (found && !several_batches(runs_)) findings_.candidates.back().causal.reset();
    return found;
  }

  const RunSet& runs_;
  Findings& findings_;
  bool negative_;
  std::vector<GroupChoice> shapes_, zero_shapes_;
  std::optional<Counterexample> nearest_;
};

}  // namespace

void try_group_limited(const RunSet& runs, Findings& findings) {
  if (findings.accepted(ids::top_k)) return;  // a limit on groups that never showed
  if (runs.smallest_count() != runs.largest_count() || runs.largest_count() == 0) return;
  GroupLimited(runs, findings).try_all();
}

}  // namespace pastonly::routing::hypotheses
