#include "routing/identify/offsets/offsets.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/elementary.h"

namespace pastonly::routing::hypotheses {
namespace {

/// A score on the scale where limits are differences (score) or quotients (the logarithms: the one
/// logarithm per pair comes at the end).
float on_scale(float score, Ranking ranking) {
  return ranking == Ranking::log_odds ? score / (1.0F - score) : score;
}

bool in_domain(float score, Ranking ranking) {
  if (ranking == Ranking::score) return true;
  return score >= 0.0F && (ranking == Ranking::log_score || score < 1.0F);
}

class LimitReader {
 public:
  LimitReader(std::size_t experts, Ranking ranking, std::size_t groups)
      : n_(experts),
        ranking_(ranking),
        group_size_((experts + groups - 1) / groups),
        limits_(experts * experts, HUGE_VALF),
        row_(experts),
        allowed_(experts) {}

  /// False if the row lies outside the ranking's domain.
  bool read(const float* scores, const std::uint8_t* mask) {
    if (!read_values(scores)) return false;
    mark_allowed(mask);
    for (std::size_t i = 0; i < n_; ++i) {
      if (mask[i] == 0) continue;
      if (ranking_ == Ranking::score) {
        subtract(i);
      } else {
        divide(i);
      }
    }
    return true;
  }
  OffsetLimits finish(double rounding) const {
    OffsetLimits found{DifferenceConstraints(n_), true, 0.0};
    for (std::size_t i = 0; i < n_; ++i) {
      for (std::size_t j = 0; j < n_; ++j) {
        const auto limit = static_cast<double>(limits_[i * n_ + j]);
        found.limits.limit(i, j) = ranking_ == Ranking::score ? limit : kernels::log(limit);
        // An expert that no offset can lift was chosen over one that has a score.
        found.possible &= found.limits.limit(i, j) != -std::numeric_limits<double>::infinity();
      }
    }
    // Two scores are rounded, and so is each sum with an offset of their size. Probabilities come
    // out of exp and a division with a few units in the last place, their logarithm turns that absolute.
    const double scale = ranking_ == Ranking::score ? static_cast<double>(largest_) : 16.0;
    found.tolerance = 4.0 * rounding * scale;
    return found;
  }

 private:
  bool read_values(const float* scores) {
    float* const row = row_.data();
    float lowest = HUGE_VALF, highest = -HUGE_VALF;
    for (std::size_t e = 0; e < n_; ++e) {
      lowest = scores[e] < lowest ? scores[e] : lowest;
      highest = scores[e] > highest ? scores[e] : highest;
    }
    if (!in_domain(lowest, ranking_) || !in_domain(highest, ranking_)) return false;
    if (ranking_ == Ranking::log_odds) {
      for (std::size_t e = 0; e < n_; ++e) row[e] = scores[e] / (1.0F - scores[e]);
    } else {
      std::copy(scores, scores + n_, row);
    }
    if (std::isfinite(lowest)) largest_ = std::max(largest_, std::abs(lowest));
    if (std::isfinite(highest)) largest_ = std::max(largest_, std::abs(highest));
    return true;
  }
  /// Experts left out that say something: all, or those of groups that were chosen from.
  void mark_allowed(const std::uint8_t* mask) {
    float* const allowed = allowed_.data();
    for (std::size_t e = 0; e < n_; ++e) allowed[e] = mask[e] != 0 ? HUGE_VALF : 0.0F;
    if (group_size_ == n_) return;
    for (std::size_t first = 0; first < n_; first += group_size_) {
      const std::size_t end = std::min(first + group_size_, n_);
      const bool touched = std::any_of(mask + first, mask + end, [](std::uint8_t bit) { return bit != 0; });
      if (!touched) std::fill(allowed + first, allowed + end, HUGE_VALF);
    }
  }
  void subtract(std::size_t i) {
    float* const limit = limits_.data() + i * n_;
    const float* const row = row_.data();
    const float* const allowed = allowed_.data();
    const float own = row[i];
    for (std::size_t j = 0; j < n_; ++j) {
      const float distance = own - row[j] + allowed[j];
      limit[j] = distance < limit[j] ? distance : limit[j];
    }
  }
  void divide(std::size_t i) {
    float* const limit = limits_.data() + i * n_;
    const float* const row = row_.data();
    const float* const allowed = allowed_.data();
    const float own = row[i];
    for (std::size_t j = 0; j < n_; ++j) {
      const float quotient = own / row[j] + allowed[j];
      limit[j] = quotient < limit[j] ? quotient : limit[j];
    }
  }

  std::size_t n_;
  Ranking ranking_;
  std::size_t group_size_;
  std::vector<float> limits_;   // (experts, experts)
  std::vector<float> row_;      // (experts)
  std::vector<float> allowed_;  // (experts) 0 where a left-out expert counts, else infinity
  float largest_ = 0.0F;
};

}  // namespace

std::string_view name(Ranking ranking) noexcept {
  switch (ranking) {
    case Ranking::score:
      return "score";
    case Ranking::log_score:
      return "log-score";
    case Ranking::log_odds:
      return "log-odds";
  }
  return {};
}

OffsetLimits offset_limits(const RunView& view, Ranking ranking, std::size_t tokens, std::size_t groups) {
  const std::size_t n = view.experts();
  LimitReader reader(n, ranking, groups);
  for (std::size_t token = 0; token < std::min(tokens, view.tokens()); ++token) {
    if (!view.routed(token)) continue;
    if (!reader.read(view.scores().data() + token * n, view.mask().data() + token * n)) {
      return {DifferenceConstraints(n), false, 0.0};
    }
  }
  return reader.finish(view.score_rounding());
}

Counterexample contradiction(const RunSet& runs, Ranking ranking, const std::vector<std::size_t>& cycle) {
  struct Edge {
    double limit = std::numeric_limits<double>::infinity();
    std::size_t run = 0, token = 0;
  };
  std::vector<Edge> edges(cycle.size());
  const auto height = [&](float score) {
    const auto value = static_cast<double>(on_scale(score, ranking));
    return ranking == Ranking::score ? value : kernels::log(value);
  };
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const auto view = runs.view(r);
    for (std::size_t token = 0; token < view->tokens(); ++token) {
      if (!view->routed(token)) continue;
      for (std::size_t c = 0; c < cycle.size(); ++c) {
        const std::size_t i = cycle[c], j = cycle[(c + 1) % cycle.size()];
        if (view->mask()(token, i) == 0 || view->mask()(token, j) != 0) continue;
        const double limit = height(view->scores()(token, i)) - height(view->scores()(token, j));
        if (limit < edges[c].limit) edges[c] = {limit, r, token};
      }
    }
  }
  Value::Array steps;
  double sum = 0.0;
  for (std::size_t c = 0; c < cycle.size(); ++c) {
    const auto view = runs.view(edges[c].run);
    auto at = chosen_over(*view, edges[c].token, cycle[c], cycle[(c + 1) % cycle.size()]);
    steps.push_back(std::move(at.details));
    sum += edges[c].limit;
  }
  const auto first = runs.view(edges.front().run);
  return place(
      *first, edges.front().token,
      fmt::format("{} decisions require offsets that contradict each other by {:.3g}", cycle.size(), -sum),
      {{"ranking", std::string(name(ranking))}, {"cycle", std::move(steps)}, {"sum", sum}});
}

}  // namespace pastonly::routing::hypotheses
