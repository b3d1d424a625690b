#include "routing/identify/offsets/group_choice.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>
#include <utility>

namespace pastonly::routing::hypotheses {
void GroupReader::read(const GroupChoice& choice, const float* scores, const std::uint8_t* mask) {
  const std::size_t n = values_.size();
  group_size_ = (n + choice.groups - 1) / choice.groups;
  merits_.assign(choice.groups, -HUGE_VALF);
  touched_.assign(choice.groups, 0);
  for (std::size_t e = 0; e < n; ++e)
    values_[e] = choice.bias.empty() ? scores[e] : scores[e] + choice.bias[e];
  for (std::size_t g = 0; g < choice.groups; ++g) {
    float best = -HUGE_VALF, second = -HUGE_VALF;
    for (std::size_t e = g * group_size_; e < std::min((g + 1) * group_size_, n); ++e) {
      if (values_[e] > best) {
        second = std::exchange(best, values_[e]);
      } else {
        second = std::max(second, values_[e]);
      }
      touched_[g] |= mask[e];
    }
    merits_[g] = choice.top2 && group_size_ > 1 ? best + second : best;
  }
  ranked_.resize(choice.groups);
  std::iota(ranked_.begin(), ranked_.end(), std::size_t{0});
  std::ranges::stable_sort(ranked_, [&](std::size_t a, std::size_t b) {
    return std::tuple(merits_[a], touched_[a]) > std::tuple(merits_[b], touched_[b]);
  });
  allowed_.assign(choice.groups, 0);
  for (std::size_t r = 0; r < choice.topk_groups; ++r) allowed_[ranked_[r]] = 1;
}

bool GroupReader::follows(const GroupChoice& choice, const float* scores, const std::uint8_t* mask) {
  read(choice, scores, mask);
  const float masked = choice.zero_mask ? 0.0F : -HUGE_VALF;
  float lowest_chosen = HUGE_VALF, highest_left = -HUGE_VALF;
  for (std::size_t e = 0; e < values_.size(); ++e) {
    const float value = allowed_[e / group_size_] != 0 ? values_[e] : masked;
    if (mask[e] != 0) {
      if (value == -HUGE_VALF) return false;
      lowest_chosen = std::min(lowest_chosen, value);
    } else {
      highest_left = std::max(highest_left, value);
    }
  }
  return lowest_chosen >= highest_left;
}

void GroupReader::add_best(std::size_t group, bool top2, double amount, std::span<double> bias) const {
  std::size_t best = group * group_size_, second = best;
  for (std::size_t e = best + 1; e < std::min((group + 1) * group_size_, values_.size()); ++e) {
    if (values_[e] > values_[best]) {
      second = std::exchange(best, e);
    } else if (second == best || values_[e] > values_[second]) {
      second = e;
    }
  }
  bias[best] += amount;
  if (top2 && second != best) bias[second] += amount;
}

bool GroupReader::exchange_groups(const GroupChoice& choice, std::size_t out, float lowest_chosen, double gap,
                                  double rate, std::span<double> bias) const {
  if (touched_[out] != 0) return false;
  const auto harmless = [&](std::size_t g) {
    bool lower = allowed_[g] == 0;
    for (std::size_t e = g * group_size_; e < std::min((g + 1) * group_size_, values_.size()); ++e)
      lower &= values_[e] <= lowest_chosen;
    return lower;
  };
  const auto in = std::ranges::find_if(ranked_, harmless);
  if (in == ranked_.end()) return false;
  const double distance = static_cast<double>(merits_[out]) - static_cast<double>(merits_[*in]);
  const double terms = choice.top2 ? 2.0 : 1.0;
  if (distance / terms >= gap) return false;
  const double step = rate * (distance + 1e-3) / (2.0 * terms);
  add_best(*in, choice.top2, step, bias);
  add_best(out, choice.top2, -step, bias);
  return true;
}

void GroupReader::correct(const GroupChoice& choice, const std::uint8_t* mask, double rate,
                          std::span<double> bias) const {
  // A group that was chosen from but does not rank: lift it against the lowest that ranks untouched.
  std::size_t missing = choice.groups, intruding = choice.groups;
  for (const auto g : ranked_) {
    if (touched_[g] != 0 && allowed_[g] == 0 && missing == choice.groups) missing = g;
    if (touched_[g] == 0 && allowed_[g] != 0) intruding = g;
  }
  if (missing != choice.groups && intruding != choice.groups) {
    const double gap = static_cast<double>(merits_[intruding]) - static_cast<double>(merits_[missing]);
    const double step = rate * (gap + 1e-3) / (choice.top2 ? 4.0 : 2.0);
    add_best(missing, choice.top2, step, bias);
    add_best(intruding, choice.top2, -step, bias);
    return;
  }
  std::size_t chosen = values_.size(), left = values_.size();
  for (std::size_t e = 0; e < values_.size(); ++e) {
    if (mask[e] != 0) {
      if (chosen == values_.size() || values_[e] < values_[chosen]) chosen = e;
    } else if (allowed_[e / group_size_] != 0) {
      if (left == values_.size() || values_[e] > values_[left]) left = e;
    }
  }
  if (chosen == values_.size() || left == values_.size()) return;
  const double gap = static_cast<double>(values_[left]) - static_cast<double>(values_[chosen]);
  // Either the expert stands too high or its whole group does: what takes less is mended.
  if (exchange_groups(choice, left / group_size_, values_[chosen], gap, rate, bias)) return;
  const double step = rate * (gap + 1e-3) / 2.0;
  bias[chosen] += step;
  bias[left] -= step;
}

}  // namespace pastonly::routing::hypotheses
