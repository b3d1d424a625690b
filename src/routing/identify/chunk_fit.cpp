#include "routing/identify/chunk_fit.h"

#include <fmt/format.h>

#include <algorithm>

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t between_looks = 32;  // tokens between two looks at the thresholds

/// What a chunk has shown so far, per expert.
class OpenChunk {
 public:
  explicit OpenChunk(std::size_t experts) : chosen_(experts), left_(experts), counts_(experts) { clear(); }

  void clear() {
    std::ranges::fill(chosen_, highest_key);
    std::ranges::fill(left_, lowest_key);
    std::ranges::fill(counts_, 0U);
    tokens_ = 0;
  }
  void add(const float* scores, const std::uint8_t* mask) {
    std::int32_t* __restrict chosen = chosen_.data();
    std::int32_t* __restrict left = left_.data();
    std::uint32_t* __restrict counts = counts_.data();
    const std::size_t n = counts_.size();
    // Bit masks instead of branches: what the vectoriser takes.
    for (std::size_t e = 0; e < n; ++e) {
      const std::int32_t key = order_key(scores[e]);
      const std::int32_t on = -static_cast<std::int32_t>(mask[e]);
      const std::int32_t if_chosen = (key & on) | (highest_key & ~on);
      const std::int32_t if_left = (key & ~on) | (lowest_key & on);
      chosen[e] = if_chosen < chosen[e] ? if_chosen : chosen[e];
      left[e] = if_left > left[e] ? if_left : left[e];
      counts[e] += mask[e];
    }
    ++tokens_;
  }
  /// Whether some expert left out a better token than one it chose.
  bool broken() const {
    std::int32_t broken = 0;
    for (std::size_t e = 0; e < counts_.size(); ++e)
      broken |= static_cast<std::int32_t>(chosen_[e] < left_[e]);
    return broken != 0;
  }
  bool balanced() const {
    return std::ranges::all_of(counts_, [&](std::uint32_t count) { return count == counts_.front(); });
  }
  std::size_t count() const noexcept { return counts_.front(); }
  std::size_t tokens() const noexcept { return tokens_; }
  const std::vector<std::uint32_t>& counts() const noexcept { return counts_; }
  /// An expert that left out a better token than one it chose; requires broken().
  std::size_t broken_expert() const {
    std::size_t e = 0;
    while (e + 1 < counts_.size() && chosen_[e] >= left_[e]) ++e;
    return e;
  }
  float lowest_chosen(std::size_t e) const { return from_order_key(chosen_[e]); }
  float highest_left(std::size_t e) const { return from_order_key(left_[e]); }

 private:
  std::vector<std::int32_t> chosen_;   // (experts) order key of the lowest chosen
  std::vector<std::int32_t> left_;     // (experts) order key of the highest left out
  std::vector<std::uint32_t> counts_;  // (experts)
  std::size_t tokens_ = 0;             // routed ones
};

/// The token of [first, end) that was left out though better than one that was chosen.
Counterexample broken_threshold(const RunView& view, const Groups& groups, std::size_t group,
                                std::size_t first, std::size_t end, const OpenChunk& chunk) {
  const std::size_t e = chunk.broken_expert();
  std::size_t token = groups.token(group, first);
  for (std::size_t i = first; i < end; ++i) {
    const std::size_t at = groups.token(group, i);
    if (view.routed(at) && view.mask()(at, e) == 0 && view.scores()(at, e) == chunk.highest_left(e))
      token = at;
  }
  return place(view, token,
               fmt::format("expert {} left this token at {:.6g} and took one at {:.6g} in the same chunk", e,
                           chunk.highest_left(e), chunk.lowest_chosen(e)),
               {{"expert", e},
                {"left_score", static_cast<double>(chunk.highest_left(e))},
                {"chosen_score", static_cast<double>(chunk.lowest_chosen(e))}});
}

Counterexample uneven_counts(const RunView& view, std::size_t token, const OpenChunk& chunk) {
  const auto [least, most] = std::ranges::minmax_element(chunk.counts());
  return place(view, token,
               fmt::format("the chunk ending here gave one expert {} tokens and another {}", *least, *most),
               {{"fewest", std::size_t{*least}}, {"most", std::size_t{*most}}});
}

/// Checks a closed chunk and notes its capacity.
bool close_chunk(const RunView& view, std::size_t token, const OpenChunk& chunk, std::size_t size,
                 ChunkFit& fit, ChunkFailure& failure) {
  if (chunk.tokens() == 0) return true;
  if (!chunk.balanced()) {
    failure.at = uneven_counts(view, token, chunk);
    return false;
  }
  if (chunk.count() == chunk.tokens() && chunk.tokens() < size) return true;  // padding: C at least that
  const auto [known, added] = fit.capacity.try_emplace(size, chunk.count());
  ++fit.chunks;
  if (known->second == chunk.count()) return true;
  failure.at = place(view, token,
                     fmt::format("the chunk ending here gave every expert {} tokens, another of its size {}",
                                 chunk.count(), known->second));
  return false;
}

bool fit_run(const RunView& view, const Grouping& grouping, std::size_t width, ChunkFit& fit,
             ChunkFailure& failure) {
  const Groups groups(view.layout(), grouping);
  const std::size_t n = view.experts();
  const std::size_t wide = width == 0 ? groups.size() : width;
  OpenChunk chunk(n);
  for (std::size_t group = 0; group < groups.count(); ++group) {
    for (std::size_t first = 0; first < groups.size(); first += wide) {
      const std::size_t end = std::min(first + wide, groups.size());
      chunk.clear();
      for (std::size_t i = first; i < end; ++i) {
        const std::size_t token = groups.token(group, i);
        if (view.routed(token)) {
          chunk.add(view.scores().data() + token * n, view.mask().data() + token * n);
          ++failure.tokens;
        }
        const bool look = (i + 1 - first) % between_looks == 0 || i + 1 == end;
        if (!look || !chunk.broken()) continue;
        failure.at = broken_threshold(view, groups, group, first, i + 1, chunk);
        return false;
      }
      if (!close_chunk(view, groups.token(group, end - 1), chunk, end - first, fit, failure)) return false;
    }
  }
  return true;
}

}  // namespace

std::vector<std::size_t> possible_widths(const RunView& view, const Grouping& grouping, std::size_t limit) {
  const Groups groups(view.layout(), grouping);
  const std::size_t n = view.experts();
  std::vector<std::size_t> widths;
  OpenChunk prefix(n);
  for (std::size_t i = 0; i + 1 < groups.size() && widths.size() < limit; ++i) {
    const std::size_t token = groups.token(0, i);
    if (!view.routed(token)) continue;
    prefix.add(view.scores().data() + token * n, view.mask().data() + token * n);
    if (prefix.broken()) break;
    if (prefix.count() > 0 && prefix.balanced()) widths.push_back(i + 1);
  }
  return widths;
}

std::optional<ChunkFit> fit_chunks(const RunSet& runs, const Grouping& grouping, std::size_t width,
                                   ChunkFailure& failure) {
  ChunkFit fit{grouping, width, {}, 0};
  failure.tokens = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (!fit_run(*runs.view(i), grouping, width, fit, failure)) return std::nullopt;
  }
  if (std::ranges::any_of(fit.capacity, [](const auto& one) { return one.second == 0; })) {
    return std::nullopt;  // expert choice gives every expert at least one token
  }
  return fit;
}

}  // namespace pastonly::routing::hypotheses
