#include "routing/identify/shared/profile.h"

#include <algorithm>
#include <cmath>

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t rows_a_tile = RunProfile::block_tokens;
constexpr std::size_t rows_a_sum = 256;  // rows summed in float before they are added in double
static_assert(rows_a_sum % rows_a_tile == 0);

}  // namespace

Profiler::Profiler(const LayerRun& run, bool keep_blocks)
    : skipped_(skipped_tokens(run)),
      keep_blocks_(keep_blocks && skipped_.empty() && run.layout.positions % rows_a_tile == 0),
      tile_(run.layer->experts),
      sums_(run.layer->experts) {
  const std::size_t tokens = run.layout.tokens(), experts = run.layer->experts;
  const std::size_t blocks = keep_blocks_ ? tokens / rows_a_tile * experts : 0;
  found_.block_lowest_chosen.reserve(blocks);
  found_.block_highest_left.reserve(blocks);
  found_.block_counts.reserve(blocks);
  found_.lowest_chosen = tile_.lowest_chosen;
  found_.highest_left = tile_.highest_left;
  found_.best_count.assign(tokens, RunProfile::not_best);
  found_.expert_counts.assign(experts, 0);
  found_.sequence_counts.assign(run.layout.sequences * experts, 0);
  found_.score_sums.assign(experts, 0.0);
}

void Profiler::add(const LayerBlock& block) {
  for (std::size_t from = 0; from < block.tokens(); from += rows_a_sum) {
    read_rows(block, from, std::min(from + rows_a_sum, block.tokens()));
  }
}

void Profiler::read_rows(const LayerBlock& block, std::size_t from, std::size_t end) {
  for (std::size_t i = from; i < end;) {
    std::size_t count = 0;
    const std::size_t most = std::min(rows_a_tile, end - i);
    while (count < most && routed(block.first + i + count)) ++count;
    if (count > 0) read_tile(block, i, count);
    i += std::max<std::size_t>(count, 1);
  }
  bool odd = false;  // a sum is NaN where a score is, or where infinities of both signs met
  for (std::size_t e = 0; e < sums_.size(); ++e) {
    odd |= std::isnan(sums_[e]);
    found_.score_sums[e] += static_cast<double>(sums_[e]);
  }
  std::ranges::fill(sums_, 0.0F);
  if (odd && !found_.nan) find_nan(block, from, end);
}

void Profiler::read_tile(const LayerBlock& block, std::size_t from, std::size_t rows) {
  const std::size_t n = sums_.size();
  const float* scores = block.ranking.row(from).data();
  const std::uint8_t* mask = block.mask.row(from).data();
  std::uint8_t ordered[rows_a_tile];
  tile_.clear();
  tile_.add(scores, mask, rows, ordered);
  add_counts(block.counts.subspan(from, rows), ordered, block.first + from);
  std::uint32_t* const counts = found_.sequence_counts.data() + block.row * n;
  for (std::size_t e = 0; e < n; ++e) {
    found_.lowest_chosen[e] = std::min(found_.lowest_chosen[e], tile_.lowest_chosen[e]);
    found_.highest_left[e] = std::max(found_.highest_left[e], tile_.highest_left[e]);
    counts[e] += tile_.counts[e];
    found_.expert_counts[e] += tile_.counts[e];
    sums_[e] += tile_.sums[e];
  }
  if (!keep_blocks_) return;
  const auto append = [](auto& to, const auto& these) { to.insert(to.end(), these.begin(), these.end()); };
  append(found_.block_lowest_chosen, tile_.lowest_chosen);
  append(found_.block_highest_left, tile_.highest_left);
  append(found_.block_counts, tile_.counts);
}

void Profiler::find_nan(const LayerBlock& block, std::size_t from, std::size_t end) {
  for (std::size_t i = from; i < end && !found_.nan; ++i) {
    if (!routed(block.first + i)) continue;
    if (std::ranges::none_of(block.ranking.row(i), [](float score) { return std::isnan(score); })) continue;
    found_.nan = true;
    found_.first_nan = block.first + i;
  }
}

void Profiler::add_counts(std::span<const std::uint32_t> counts, const std::uint8_t* ordered,
                          std::size_t first) {
  std::uint32_t least = counts.front(), most = counts.front(), in_order = 0;
  std::uint16_t* const best = found_.best_count.data() + first;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    least = std::min(least, counts[i]);
    most = std::max(most, counts[i]);
    in_order += ordered[i];
    best[i] =
        ordered[i] != 0 ? static_cast<std::uint16_t>(std::min(counts[i], 0xfffeU)) : RunProfile::not_best;
  }
  if (found_.tokens == 0) {
    found_.smallest_count = found_.largest_count = counts.front();
    found_.first_count_change = first;
  }
  const std::size_t known = found_.smallest_count;
  if (known == found_.largest_count && (least != known || most != known)) {
    const auto other = std::ranges::find_if(counts, [&](std::uint32_t count) { return count != known; });
    found_.first_count_change = first + static_cast<std::size_t>(other - counts.begin());
  }
  found_.smallest_count = std::min<std::size_t>(found_.smallest_count, least);
  found_.largest_count = std::max<std::size_t>(found_.largest_count, most);
  found_.tokens += counts.size();
  if (found_.unordered == 0 && in_order < counts.size()) {
    found_.first_unordered =
        first + static_cast<std::size_t>(std::find(ordered, ordered + counts.size(), 0) - ordered);
  }
  found_.unordered += counts.size() - in_order;
}

RunProfile profile(const LayerRun& run, bool keep_blocks) {
  Profiler profiler(run, keep_blocks);
  for_each_block(run.layout, *run.layer, [&](const LayerBlock& block) { profiler.add(block); });
  return profiler.finish();
}

std::size_t rank_of_lowest(const RunView& view, std::size_t token) {
  const auto scores = view.scores().row(token);
  const auto mask = view.mask().row(token);
  std::int32_t lowest = highest_key;
  for (std::size_t e = 0; e < scores.size(); ++e) {
    if (mask[e] != 0) lowest = std::min(lowest, order_key(scores[e]));
  }
  std::int32_t rank = 0;
  for (std::size_t e = 0; e < scores.size(); ++e) {
    rank += static_cast<std::int32_t>(order_key(scores[e]) > lowest || mask[e] != 0);
  }
  return static_cast<std::size_t>(rank);
}

}  // namespace pastonly::routing::hypotheses
