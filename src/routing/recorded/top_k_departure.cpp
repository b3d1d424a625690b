#include "routing/recorded/top_k_departure.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "routing/recorded/layer_blocks.h"
#include "routing/selection/top_k.h"

namespace pastonly::routing {
namespace {

struct Ask {
  float score = 0.0F;
  bool dropped = false;
};

/// Adds up one layer, token by token.
class Departures {
 public:
  Departures(const Trace& trace, const LayerRecord& layer, std::size_t k)
      : layer_(layer), best_(k), chosen_(k), biased_(layer.experts), asks_(layer.experts) {
    out_.by_row.resize(trace.layout.sequences);
    out_.departed.assign(trace.layout.tokens(), 0);
  }

  void add(std::size_t token, std::size_t row, std::span<const float> scores,
           std::span<const std::uint8_t> mask) {
    top_k(scores, best_);
    choose(scores);
    TopKDeparture::Sums& sums = out_.by_row[row];
    std::size_t made = 0, among_best = 0, among_chosen = 0;
    for (std::size_t e = 0; e < mask.size(); ++e) {
      out_.scored = out_.scored && scores[e] >= 0.0F && std::isfinite(scores[e]);
      if (mask[e] == 0) continue;
      ++made;
      sums.made += static_cast<double>(scores[e]);
    }
    for (const std::uint16_t e : best_) {
      among_best += mask[e];
      sums.best += static_cast<double>(scores[e]);
    }
    for (const std::uint16_t e : chosen_) {
      among_chosen += mask[e];
      asks_[e].push_back({scores[e], mask[e] == 0 && made < best_.size()});
    }
    sums.routes += static_cast<double>(made);
    sums.rerouted += static_cast<double>(made - among_best);
    sums.asked += static_cast<double>(best_.size());
    sums.missing += static_cast<double>(best_.size() - std::min(made, best_.size()));
    out_.drops_known = out_.drops_known && among_chosen == made;
    out_.departed[token] = among_best != best_.size() || made != best_.size() ? 1 : 0;
  }

  TopKDeparture finish() {
    for (std::vector<Ask>& asks : asks_) {
      std::ranges::stable_sort(asks, {}, &Ask::score);
      const auto dropped = static_cast<std::size_t>(std::ranges::count_if(asks, &Ask::dropped));
      if (dropped == 0) continue;
      const auto lowest = std::span(asks).first(dropped);
      out_.dropped += dropped;
      out_.dropped_lowest += static_cast<std::uint64_t>(std::ranges::count_if(lowest, &Ask::dropped));
      out_.lowest_by_chance +=
          static_cast<double>(dropped) * static_cast<double>(dropped) / static_cast<double>(asks.size());
    }
    return std::move(out_);
  }

 private:
  /// The k best of score plus bias.
  void choose(std::span<const float> scores) {
    if (layer_.bias.empty()) {
      chosen_ = best_;
      return;
    }
    for (std::size_t e = 0; e < scores.size(); ++e) biased_[e] = scores[e] + layer_.bias[e];
    top_k(biased_, chosen_);
  }

  const LayerRecord& layer_;
  std::vector<std::uint16_t> best_, chosen_;  // (k)
  std::vector<float> biased_;                 // (experts)
  std::vector<std::vector<Ask>> asks_;        // (experts)
  TopKDeparture out_;
};

}  // namespace

TopKDeparture top_k_departure(const Trace& trace, const LayerRecord& layer, std::size_t k,
                              std::size_t every) {
  Departures departures(trace, layer, k);
  for_each_block(trace.layout, layer, [&](const LayerBlock& block) {
    if (block.row % every != 0) return;
    for (std::size_t i = 0; i < block.tokens(); ++i) {
      if (trace.is_valid(block.first + i))
        departures.add(block.first + i, block.row, block.ranking.row(i), block.mask.row(i));
    }
  });
  return departures.finish();
}

}  // namespace pastonly::routing
