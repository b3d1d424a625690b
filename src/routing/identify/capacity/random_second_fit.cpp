#include "routing/identify/capacity/random_second_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>

#include "routing/identify/shared/candidate_parameters.h"
#include "routing/rule_ids.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr auto random_second = ids::gshard_top_2_random_second;

/// First choices of one expert in one group.
struct Firsts {
  std::size_t kept = 0;
  std::size_t last_kept = 0;  ///< router index
};

struct Refusal {
  std::size_t token, index, group;
};

class SecondFit {
 public:
  SecondFit(const RunSet& runs, const Grouping& grouping) : runs_(runs), grouping_(grouping) {}

  bool run() {
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      auto& capacity = capacity_[Groups(runs_.run(i).layout, grouping_).size()];
      for (const auto count : counts(i)) capacity = std::max(capacity, std::size_t{count});
    }
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      if (!fit_run(i)) return false;
    }
    return true;
  }
  Value::Object describe() const {
    const std::size_t base = Groups(runs_.run(0).layout, grouping_).size();
    Value::Object parameters{{"k", 2}};
    parameters.emplace_back("capacity", slots(base));
    if (capacity_.size() > 1) parameters.emplace_back("capacities", list());
    write_grouping(runs_, grouping_, parameters);
    parameters.emplace_back("second", second_best_ ? "kept" : "drawn");
    return parameters;
  }
  /// Whether some token kept or drew a second expert.
  bool any_second() const noexcept { return any_second_; }
  Counterexample at;

 private:
  const std::vector<std::uint32_t>& counts(std::size_t i) const {
    return grouping_.per_sequence ? runs_.profile(i).sequence_counts : runs_.profile(i).expert_counts;
  }

  Value slots(std::size_t tokens) const {
    const std::size_t most = capacity_.at(tokens);
    return reached_.contains(tokens) ? Value(most) : Value(Value::Object{{"min", most}});
  }
  Value::Array list() const {
    Value::Array list;
    for (const auto& [tokens, most] : capacity_) {
      list.emplace_back(Value::Object{{"tokens", tokens}, {"capacity", slots(tokens)}});
    }
    return list;
  }

  bool fit_run(std::size_t i) {
    const auto view = runs_.view(i);
    const Groups groups(view->layout(), grouping_);
    const std::size_t n = view->experts();
    std::vector<Firsts> firsts(groups.count() * n);
    std::vector<Refusal> refusals;
    for (std::size_t token = 0; token < view->tokens(); ++token) {
      if (!view->routed(token)) continue;
      if (runs_.profile(i).best_count[token] == 2) {
        any_second_ = true;
        read_best_two(*view, groups, token, firsts);
      } else if (!read_token(*view, groups, token, firsts, refusals)) {
        return false;
      }
    }
    const std::size_t capacity = capacity_[groups.size()];
    for (const auto& refusal : refusals) {
      const auto row = view->scores().row(refusal.token);
      const float best = *std::ranges::max_element(row);
      bool able = false;
      for (std::size_t e = 0; e < n; ++e) {
        const auto& first = firsts[refusal.group * n + e];
        able |= row[e] == best && first.kept == capacity && first.last_kept < refusal.index;
      }
      if (!able) {
        at = place(*view, refusal.token, "an expert that had room dropped the first choice");
        return false;
      }
      reached_[groups.size()] = true;
    }
    return true;
  }

  static void keep(Firsts& own, std::size_t index) {
    ++own.kept;
    own.last_kept = std::max(own.last_kept, index);
  }
  /// A token with its two best experts and nothing else, which most are.
  void read_best_two(const RunView& view, const Groups& groups, std::size_t token,
                     std::vector<Firsts>& firsts) {
    const auto row = view.scores().row(token);
    const auto mask = view.mask().row(token);
    const auto next = [&](std::size_t from) {
      const void* const found = std::memchr(mask.data() + from, 1, mask.size() - from);
      return static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - mask.data());
    };
    const std::size_t one = next(0), other = next(one + 1);
    const std::size_t first = row[other] > row[one] ? other : one;
    keep(firsts[groups.group_of(token) * row.size() + first], groups.index_of(token));
  }
  bool read_token(const RunView& view, const Groups& groups, std::size_t token, std::vector<Firsts>& firsts,
                  std::vector<Refusal>& refusals) {
    const auto row = view.scores().row(token);
    const auto mask = view.mask().row(token);
    const float best = *std::ranges::max_element(row);
    std::size_t chosen = 0, first = row.size(), second = row.size();
    for (std::size_t e = 0; e < row.size(); ++e) {
      if (mask[e] == 0) continue;
      ++chosen;
      if (row[e] == best && first == row.size()) {
        first = e;
      } else {
        second = e;
      }
    }
    if (chosen > 2 || (chosen == 2 && first == row.size())) {
      at = place(view, token,
                 chosen > 2 ? fmt::format("{} experts", chosen) : "two experts, neither the first choice");
      return false;
    }
    const std::size_t group = groups.group_of(token), index = groups.index_of(token);
    if (first < row.size()) {
      keep(firsts[group * row.size() + first], index);
    } else {
      refusals.push_back({token, index, group});
    }
    if (second < row.size()) {
      any_second_ = true;
      const auto better = std::ranges::count_if(row, [&](float score) { return score > row[second]; });
      second_best_ &= better <= 1;
    }
    return true;
  }

  const RunSet& runs_;
  Grouping grouping_;
  std::map<std::size_t, std::size_t> capacity_;  // tokens routed together -> C, or the largest count
  std::map<std::size_t, bool> reached_;
  bool second_best_ = true, any_second_ = false;
};

}  // namespace

void try_random_second(const RunSet& runs, Findings& findings) {
  if (runs.experts() < 2 || runs.largest_count() == 0 || runs.largest_count() > 2) return;
  std::optional<Counterexample> nearest;
  for (const auto& grouping : groupings(runs, true)) {
    SecondFit fit(runs, grouping);
    if (fit.run()) {
      if (fit.any_second()) {
        findings.accept(random_second, fit.describe());
      } else {
        findings.reject(random_second, "no token has a second expert");
      }
      return;
    }
    if (!nearest) nearest = std::move(fit.at);
  }
  if (nearest) findings.reject(random_second, std::move(*nearest));
}

}  // namespace pastonly::routing::hypotheses
