#include "routing/identify/chunks/streaming_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "routing/identify/shared/candidate_parameters.h"
#include "routing/rule_ids.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t streaming_widths = 64;
constexpr std::size_t streaming_probe = 256;

/// Counts of ranks with prefix sums in O(log n): P. Fenwick, 1994.
class RankCounts {
 public:
  void reset(std::size_t ranks) { counts_.assign(ranks + 1, 0); }
  void add(std::size_t rank) {
    for (std::size_t i = rank + 1; i < counts_.size(); i += i & (~i + 1)) ++counts_[i];
  }
  std::size_t below(std::size_t rank) const {
    std::size_t sum = 0;
    for (std::size_t i = rank; i > 0; i -= i & (~i + 1)) sum += counts_[i];
    return sum;
  }

 private:
  std::vector<std::uint32_t> counts_;
};

/// R lies in (above, up_to].
struct Share {
  double above = 0.0;
  double up_to = std::numeric_limits<double>::infinity();
  bool open() const noexcept { return above < up_to * (1.0 - 1e-12); }
};

class ChunkReader {
 public:
  explicit ChunkReader(const RunView& view) : view_(view) {}

  /// What tokens [first, first + size) of a group say of R. False, with the place, where R has no value.
  bool read(const Groups& groups, std::size_t group, std::size_t first, std::size_t size, Share& share,
            Counterexample& at) {
    for (std::size_t e = 0; e < view_.experts(); ++e) {
      rank_column(groups, group, first, size, e);
      for (std::size_t i = 0; i < size; ++i) {
        const std::size_t token = groups.token(group, first + i);
        if (!view_.routed(token)) continue;
        bound(token, e, i, share);
        counts_.add(from_best_[i]);
        if (share.open()) continue;
        at = place(
            view_, token,
            fmt::format("expert {}: no share R of the tokens seen so far fits (above {:.6g}, at most {:.6g})",
                        e, share.above, share.up_to),
            {{"expert", e}});
        return false;
      }
    }
    return true;
  }

 private:
  /// Dense ranks of the column: equal scores share one.
  void rank_column(const Groups& groups, std::size_t group, std::size_t first, std::size_t size,
                   std::size_t e) {
    keys_.resize(size);
    for (std::size_t i = 0; i < size; ++i) {
      keys_[i] = order_key(view_.scores()(groups.token(group, first + i), e));
    }
    sorted_ = keys_;
    std::ranges::sort(sorted_, std::greater<>());
    sorted_.erase(std::unique(sorted_.begin(), sorted_.end()), sorted_.end());
    from_best_.resize(size);
    for (std::size_t i = 0; i < size; ++i) {
      from_best_[i] = static_cast<std::size_t>(std::ranges::lower_bound(sorted_, keys_[i], std::greater<>()) -
                                               sorted_.begin());
    }
    counts_.reset(sorted_.size());
  }
  void bound(std::size_t token, std::size_t e, std::size_t i, Share& share) const {
    const auto seen = static_cast<double>(i + 1);
    const std::size_t better = counts_.below(from_best_[i]);
    if (view_.mask()(token, e) != 0) {
      share.above = std::max(share.above, static_cast<double>(better) / seen);
    } else {
      const std::size_t no_worse = counts_.below(from_best_[i] + 1);  // ties may all stand before it
      share.up_to = std::min(share.up_to, static_cast<double>(no_worse) / seen);
    }
  }

  const RunView& view_;
  RankCounts counts_;
  std::vector<std::int32_t> keys_;      // (size)
  std::vector<std::int32_t> sorted_;    // distinct keys, best first
  std::vector<std::size_t> from_best_;  // (size) place of each token's key among them
};

bool takes_all(const RunView& view, std::size_t token) {
  return std::ranges::all_of(view.mask().row(token), [](std::uint8_t bit) { return bit != 0; });
}

/// The whole group (0) and the widths at whose multiples every expert takes the token.
std::vector<std::size_t> possible_widths(const RunView& view, const Groups& groups) {
  std::vector<std::size_t> widths;
  if (!view.routed(groups.token(0, 0)) || takes_all(view, groups.token(0, 0))) widths.push_back(0);
  for (std::size_t width = 1; width < groups.size() && widths.size() < streaming_widths; ++width) {
    bool starts = true;
    for (std::size_t i = 0; i < groups.size() && starts; i += width) {
      const std::size_t token = groups.token(0, i);
      starts = !view.routed(token) || takes_all(view, token);
    }
    if (starts) widths.push_back(width);
  }
  return widths;
}

bool fit_share(const RunSet& runs, const Grouping& grouping, std::size_t width, Share& share,
               Counterexample& at) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto view = runs.view(i);
    const Groups groups(view->layout(), grouping);
    const std::size_t wide = width == 0 ? groups.size() : width;
    ChunkReader reader(*view);
    Share probe = share;
    if (!reader.read(groups, 0, 0, std::min({streaming_probe, wide, groups.size()}), probe, at)) return false;
    for (std::size_t group = 0; group < groups.count(); ++group) {
      for (std::size_t first = 0; first < groups.size(); first += wide) {
        const std::size_t size = std::min(wide, groups.size() - first);
        if (!reader.read(groups, group, first, size, share, at)) return false;
      }
    }
  }
  return true;
}

/// k = R N: the smallest whole number that fits, else the largest value that does.
Value share_as_k(const Share& share, std::size_t experts) {
  const auto n = static_cast<double>(experts);
  const double whole = std::floor(share.above * n * (1.0 + 1e-12)) + 1.0;
  if (whole <= std::min(share.up_to, 1.0) * n * (1.0 + 1e-12)) return static_cast<std::int64_t>(whole);
  return std::min(share.up_to, 1.0) * n;
}

}  // namespace

void try_streaming(const RunSet& runs, Findings& findings) {
  if (runs.largest_count() < runs.experts() || runs.smallest_count() == runs.experts()) {
    findings.reject(ids::expert_choice_streaming,
                    runs.smallest_count() == runs.experts()
                        ? "every token takes every expert"
                        : "no token goes to every expert, as the first of a chunk would");
    return;
  }
  auto ways = groupings(runs, true);
  std::rotate(ways.begin(), ways.end() - 1, ways.end());  // per sequence is its usual form
  std::optional<Counterexample> nearest;
  for (const auto& grouping : ways) {
    const auto first = runs.view(0);
    for (const auto width : possible_widths(*first, Groups(first->layout(), grouping))) {
      Share share;
      Counterexample at;
      if (!fit_share(runs, grouping, width, share, at)) {
        if (!nearest) nearest = std::move(at);
        continue;
      }
      Value::Object parameters{{"k", share_as_k(share, runs.experts())}};
      if (width != 0) parameters.emplace_back("chunk", width);
      parameters.emplace_back("scope", grouping.per_sequence ? "sequence" : "batch");
      if (!grouping.per_sequence) write_grouping(runs, grouping, parameters);
      findings.accept(ids::expert_choice_streaming, std::move(parameters));
      return;
    }
  }
  if (nearest) {
    findings.reject(ids::expert_choice_streaming, std::move(*nearest));
  } else {
    findings.reject(ids::expert_choice_streaming, "no chunk starts with a token that every expert takes");
  }
}

}  // namespace pastonly::routing::hypotheses
