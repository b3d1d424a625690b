#include "routing/load.h"

#include <algorithm>

namespace pastonly::routing {
namespace {

constexpr std::size_t kBlock = 4096;
constexpr std::size_t kPositionBins = 16;
constexpr std::size_t kTimeBins = 64;

std::size_t width(std::size_t count, std::size_t bins) {
  return std::max<std::size_t>(1, (count + bins - 1) / bins);
}

/// Sums mask rows into 16-bit lanes, which the compiler vectorises, and empties them before they can
/// overflow or their bin changes.
class ExpertCounter {
 public:
  explicit ExpertCounter(LoadSurvey& survey) : survey_(survey), lanes_(survey.experts) {}

  /// Adds a token's mask row, (experts); returns how many experts it has.
  std::uint64_t add(const std::uint8_t* row, std::size_t bin) {
    if (bin != bin_ || added_ == 0xffff) flush();
    bin_ = bin;
    ++added_;
    std::uint32_t sum = 0;
    std::uint16_t* lanes = lanes_.data();
    const std::size_t experts = lanes_.size();
    for (std::size_t e = 0; e < experts; ++e) {
      lanes[e] = static_cast<std::uint16_t>(lanes[e] + row[e]);
      sum += row[e];
    }
    return sum;
  }

  /// To be called at the end as well.
  void flush() {
    for (std::size_t e = 0; e < lanes_.size(); ++e) survey_.counts[bin_ * lanes_.size() + e] += lanes_[e];
    std::fill(lanes_.begin(), lanes_.end(), std::uint16_t{0});
    added_ = 0;
  }

 private:
  LoadSurvey& survey_;
  std::vector<std::uint16_t> lanes_;  // (experts)
  std::size_t bin_ = 0;
  std::uint32_t added_ = 0;
};

void count(LoadSurvey::Bin& bin, std::uint64_t experts) {
  ++bin.tokens;
  bin.pairs += experts;
  bin.unrouted += experts == 0 ? 1 : 0;
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
  survey.by_position.resize(bins(layout.positions, kPositionBins));
  survey.by_time.resize(bins(layout.tokens(), kTimeBins));
  survey.counts.assign(survey.by_time.size() * layer.experts, 0);
  return survey;
}

}  // namespace

LoadSurvey survey_load(const Trace& trace, const LayerRecord& layer) {
  const Layout& layout = trace.layout;
  LoadSurvey survey = empty_survey(trace, layer);
  if (layout.tokens() == 0 || layer.experts == 0) return survey;
  const std::size_t position_width = width(layout.positions, kPositionBins);
  const std::size_t time_width = width(layout.tokens(), kTimeBins);
  std::vector<std::uint8_t> block(kBlock * layer.experts);  // (kBlock, experts)
  ExpertCounter counter(survey);
  for (std::size_t first = 0; first < layout.tokens(); first += kBlock) {
    const std::size_t count_here = std::min(kBlock, layout.tokens() - first);
    read_mask(layer, first, count_here, std::span(block).first(count_here * layer.experts));
    for (std::size_t i = 0; i < count_here; ++i) {
      const std::size_t token = first + i;
      if (!trace.valid.empty() && trace.valid[token] == 0) continue;
      const std::size_t row = token / layout.positions, position = token % layout.positions;
      const std::size_t time = layout.router_index(row, position) / time_width;
      const std::uint64_t experts = counter.add(block.data() + i * layer.experts, time);
      survey.most_experts = std::max<std::size_t>(survey.most_experts, experts);
      count(survey.total, experts);
      count(survey.by_row[row], experts);
      count(survey.by_position[position / position_width], experts);
      count(survey.by_time[time], experts);
    }
  }
  counter.flush();
  return survey;
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

}  // namespace pastonly::routing
