#include "routing/recorded/load.h"

#include <algorithm>
#include <cmath>

#include "kernels/bit_counts.h"
#include "stats/entropy.h"

namespace pastonly::routing {
namespace {

constexpr std::size_t position_bins = 16;
constexpr std::size_t time_bins = 64;

std::size_t width(std::size_t count, std::size_t bins) {
  return std::max<std::size_t>(1, (count + bins - 1) / bins);
}

/// Where a run of consecutive tokens belongs.
struct Place {
  std::size_t row = 0, position_bin = 0, time_bin = 0;
};

/// Adds the block's tokens [from, end), which share a place.
void add_run(LoadSurvey& survey, const Place& place, const LayerBlock& block, std::size_t from,
             std::size_t end) {
  LoadSurvey::Bin bin;
  bin.tokens = end - from;
  std::uint32_t pairs = 0, unrouted = 0, most = 0;  // a block's: 32 bits hold them
  for (const std::uint32_t count : block.counts.subspan(from, end - from)) {
    pairs += count;
    unrouted += static_cast<std::uint32_t>(count == 0);
    most = std::max(most, count);
  }
  bin.pairs = pairs;
  bin.unrouted = unrouted;
  survey.most_experts = std::max<std::size_t>(survey.most_experts, most);
  for (LoadSurvey::Bin* into : {&survey.total, &survey.by_row[place.row],
                                &survey.by_position[place.position_bin], &survey.by_time[place.time_bin]}) {
    into->tokens += bin.tokens;
    into->pairs += bin.pairs;
    into->unrouted += bin.unrouted;
  }
  kernels::add_column_ones(block.mask.row(from).data(), end - from, survey.experts,
                           survey.counts.data() + place.time_bin * survey.experts);
}

LoadSurvey empty_survey(const Trace& trace, const LayerRecord& layer) {
  const Layout& layout = trace.layout;
  LoadSurvey survey;
  survey.experts = layer.experts;
  survey.by_row.resize(layout.sequences);
  const auto bins = [](std::size_t n, std::size_t most) {
    const std::size_t w = width(n, most);
    return (n + w - 1) / w;
  };
  survey.by_position.resize(bins(layout.positions, position_bins));
  survey.by_time.resize(bins(layout.tokens(), time_bins));
  survey.counts.assign(survey.by_time.size() * layer.experts, 0);
  return survey;
}

}  // namespace

LoadCounter::LoadCounter(const Trace& trace, const LayerRecord& layer)
    : trace_(trace),
      survey_(empty_survey(trace, layer)),
      position_width_(width(trace.layout.positions, position_bins)),
      time_width_(width(trace.layout.tokens(), time_bins)) {}

void LoadCounter::add(const LayerBlock& block) {
  const Layout& layout = trace_.layout;
  const std::size_t stride = layout.order == TokenOrder::batch_major ? 1 : layout.sequences;
  const auto valid = [&](std::size_t i) { return trace_.is_valid(block.first + i); };
  for (std::size_t i = 0; i < block.tokens();) {
    if (!valid(i)) {
      ++i;
      continue;
    }
    const std::size_t position = block.position + i, seen = layout.router_index(block.row, position);
    const Place here{block.row, position / position_width_, seen / time_width_};
    // Tokens of a row stand `stride` apart in router order.
    const std::size_t time_left = (time_width_ - seen % time_width_ + stride - 1) / stride;
    const std::size_t bin_left = (here.position_bin + 1) * position_width_ - position;
    const std::size_t most = std::min({block.tokens(), i + time_left, i + bin_left});
    std::size_t stop = trace_.valid.empty() ? most : i + 1;
    while (stop < most && valid(stop)) ++stop;
    add_run(survey_, here, block, i, stop);
    i = stop;
  }
}

LoadSurvey survey_load(const Trace& trace, const LayerRecord& layer) {
  LoadCounter counter(trace, layer);
  LayerRecord decisions = layer;
  decisions.scores.reset();
  decisions.logits.reset();
  for_each_block(trace.layout, decisions, [&](const LayerBlock& block) { counter.add(block); });
  return counter.finish();
}

std::vector<std::uint64_t> LoadSurvey::expert_counts() const {
  std::vector<std::uint64_t> sums(experts, 0);
  for (std::size_t i = 0; i < counts.size(); ++i) sums[i % experts] += counts[i];
  return sums;
}

double LoadSurvey::mean_experts() const noexcept {
  return total.tokens == 0 ? 0.0 : static_cast<double>(total.pairs) / static_cast<double>(total.tokens);
}

double max_violation(std::span<const std::uint64_t> counts) noexcept {
  std::uint64_t largest = 0, sum = 0;
  for (const std::uint64_t count : counts) {
    largest = std::max(largest, count);
    sum += count;
  }
  if (sum == 0) return 0.0;
  const auto experts = static_cast<double>(counts.size());
  return static_cast<double>(largest) * experts / static_cast<double>(sum) - 1.0;
}

double load_variation(std::span<const std::uint64_t> counts) noexcept {
  double sum = 0.0, squares = 0.0;
  for (const std::uint64_t count : counts) sum += static_cast<double>(count);
  if (sum == 0.0) return 0.0;
  const double mean = sum / static_cast<double>(counts.size());
  for (const std::uint64_t count : counts) {
    const double off = static_cast<double>(count) / mean - 1.0;
    squares += off * off;
  }
  return std::sqrt(squares / static_cast<double>(counts.size()));
}

double load_entropy(std::span<const std::uint64_t> counts) noexcept {
  if (std::ranges::all_of(counts, [](std::uint64_t count) { return count == 0; })) return 0.0;
  if (counts.size() < 2) return 1.0;
  const std::vector<std::uint64_t> equal(counts.size(), 1);
  return stats::plug_in_entropy(counts) / stats::plug_in_entropy(equal);
}

}  // namespace pastonly::routing
