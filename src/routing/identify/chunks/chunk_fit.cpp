#include "routing/identify/chunks/chunk_fit.h"

#include <fmt/format.h>

#include <algorithm>

#include "routing/identify/shared/folded_columns.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t between_looks = RunProfile::block_tokens;  // tokens between two looks at the thresholds

/// What a chunk has shown so far, per expert.
class OpenChunk {
 public:
  explicit OpenChunk(std::size_t experts) : fold_(experts) {}

  void clear() {
    fold_.clear();
    tokens_ = 0;
  }
  /// Routed tokens, contiguous in the view.
  void add(const RunView& view, std::size_t first, std::size_t tokens) {
    const std::size_t at = first * fold_.experts();
    fold_.add(view.scores().data() + at, view.mask().data() + at, tokens);
    tokens_ += tokens;
  }
  /// A block of the run's profile.
  void add(const RunProfile& profile, std::size_t block) {
    const std::size_t at = block * fold_.experts();
    fold_.add(profile.block_lowest_chosen.data() + at, profile.block_highest_left.data() + at,
              profile.block_counts.data() + at);
    tokens_ += RunProfile::block_tokens;
  }
  /// Whether some expert left out a better token than one it chose.
  bool broken() const {
    std::int32_t broken = 0;
    for (std::size_t e = 0; e < fold_.experts(); ++e)
      broken |= static_cast<std::int32_t>(fold_.lowest_chosen[e] < fold_.highest_left[e]);
    return broken != 0;
  }
  bool balanced() const {
    return std::ranges::all_of(counts(), [&](std::uint32_t count) { return count == counts().front(); });
  }
  std::size_t count() const noexcept { return fold_.counts.front(); }
  std::size_t tokens() const noexcept { return tokens_; }
  const std::vector<std::uint32_t>& counts() const noexcept { return fold_.counts; }
  /// An expert that left out a better token than one it chose; requires broken().
  std::size_t broken_expert() const {
    std::size_t e = 0;
    while (e + 1 < fold_.experts() && fold_.lowest_chosen[e] >= fold_.highest_left[e]) ++e;
    return e;
  }
  float lowest_chosen(std::size_t e) const { return from_order_key(fold_.lowest_chosen[e]); }
  float highest_left(std::size_t e) const { return from_order_key(fold_.highest_left[e]); }

 private:
  ColumnFold fold_;
  std::size_t tokens_ = 0;  // routed ones
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
               fmt::format("expert {} left out this token at {:.6g} and took one at {:.6g} in the same chunk",
                           e, chunk.highest_left(e), chunk.lowest_chosen(e)),
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

/// One run as chunks read it.
struct ChunkedRun {
  const RunView& view;
  const RunProfile& profile;
  Groups groups;
};

/// Adds the routed tokens that a group takes from `first` to `end`: a block of the profile where they are
/// one, else as long stretches as there are.
void read_stretch(const ChunkedRun& run, std::size_t group, std::size_t first, std::size_t end,
                  OpenChunk& chunk) {
  const auto token = [&](std::size_t i) { return run.groups.token(group, i); };
  const bool is_block = !run.profile.block_counts.empty() && end - first == RunProfile::block_tokens &&
                        token(first) % RunProfile::block_tokens == 0 &&
                        token(end - 1) == token(first) + end - first - 1;
  if (is_block) {
    chunk.add(run.profile, token(first) / RunProfile::block_tokens);
    return;
  }
  for (std::size_t i = first; i < end;) {
    std::size_t count = 0;
    while (i + count < end && token(i + count) == token(i) + count && run.view.routed(token(i) + count))
      ++count;
    if (count > 0) chunk.add(run.view, token(i), count);
    i += std::max<std::size_t>(count, 1);
  }
}

bool fit_run(const RunView& view, const RunProfile& profile, std::size_t width, ChunkFit& fit,
             ChunkFailure& failure) {
  const Groups groups(view.layout(), fit.grouping);
  const ChunkedRun run{view, profile, groups};
  const std::size_t wide = width == 0 ? groups.size() : width;
  OpenChunk chunk(view.experts());
  for (std::size_t group = 0; group < groups.count(); ++group) {
    for (std::size_t first = 0; first < groups.size(); first += wide) {
      const std::size_t end = std::min(first + wide, groups.size());
      chunk.clear();
      std::size_t known = 0;
      for (std::size_t i = first; i < end; i += between_looks) {
        const std::size_t stop = std::min(i + between_looks, end);
        read_stretch(run, group, i, stop, chunk);
        failure.tokens += chunk.tokens() - known;
        known = chunk.tokens();
        if (!chunk.broken()) continue;
        failure.at = broken_threshold(view, groups, group, first, stop, chunk);
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
  std::vector<std::size_t> widths;
  OpenChunk prefix(view.experts());
  for (std::size_t i = 0; i + 1 < groups.size() && widths.size() < limit; ++i) {
    const std::size_t token = groups.token(0, i);
    if (!view.routed(token)) continue;
    prefix.add(view, token, 1);
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
    if (!fit_run(*runs.view(i), runs.profile(i), width, fit, failure)) return std::nullopt;
  }
  if (std::ranges::any_of(fit.capacity, [](const auto& one) { return one.second == 0; })) {
    return std::nullopt;  // expert choice gives every expert at least one token
  }
  return fit;
}

}  // namespace pastonly::routing::hypotheses
