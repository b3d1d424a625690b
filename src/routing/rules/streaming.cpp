#include <algorithm>
#include <cmath>
#include <vector>

#include "routing/dependence.h"
#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/chunks.h"
#include "routing/selection/order_key.h"
#include "routing/selection/rank_counts.h"

namespace pastonly::routing {

namespace {

class StreamingExpertChoice final : public GroupedRule {
 public:
  explicit StreamingExpertChoice(ChunkOptions options) : GroupedRule(options.grouping), options_(options) {}

  std::string_view id() const noexcept override { return ids::expert_choice_streaming; }
  Parameters parameters() const override { return options_.write(); }

 private:
  void route(const Group& group, Routing& out) const override {
    const std::size_t chunk = options_.chunk_of(group.tokens());
    RankCounts counts;
    std::vector<std::uint32_t> order;  // tokens of the chunk, best first
    std::vector<std::uint32_t> rank;   // (chunk)
    for (std::size_t first = 0; first < group.tokens(); first += chunk) {
      const std::size_t size = std::min(chunk, group.tokens() - first);
      for (std::size_t expert = 0; expert < group.experts(); ++expert) {
        order.clear();
        for (std::size_t i = 0; i < size; ++i) {
          if (group.is_valid(first + i)) order.push_back(static_cast<std::uint32_t>(i));
        }
        const auto key = [&](std::uint32_t i) { return order_key(group.scores(first + i, expert)); };
        std::stable_sort(order.begin(), order.end(),
                         [&](std::uint32_t a, std::uint32_t b) { return key(a) > key(b); });
        rank.assign(size, 0);
        for (std::size_t r = 0; r < order.size(); ++r) rank[order[r]] = static_cast<std::uint32_t>(r);
        counts.reset(order.size());
        for (std::size_t i = 0; i < size; ++i) {
          if (!group.is_valid(first + i)) continue;
          if (counts.below(rank[i]) < allowed(i + 1, group.experts())) {
            const std::size_t row = group.row(first + i);
            out.selected(row, expert) = out.mask(row, expert) = 1;
          }
          counts.add(rank[i]);
        }
      }
    }
  }
  /// ceil(R n): the best rank that still counts among the first n tokens of a chunk.
  std::size_t allowed(std::size_t seen, std::size_t experts) const noexcept {
    const double share = options_.k * static_cast<double>(seen) / static_cast<double>(experts);
    return static_cast<std::size_t>(std::ceil(share * (1.0 - 1e-12)));
  }
  bool leaves_out(std::size_t seen, std::size_t experts) const noexcept {
    return allowed(seen, experts) < seen;
  }

  Dependence group_dependence(const Layout& layout, std::size_t experts) const override {
    const std::size_t size = options_.chunk_of(layout.tokens());
    Dependence dependence;
    if (layout.sequences == 1) return dependence;
    const bool batch_major = layout.order == TokenOrder::batch_major;
    const bool within_rows = options_.chunk != 0 && batch_major && layout.positions % size == 0;
    dependence.batch = dependence.order = !within_rows && leaves_out(size, experts);
    // Appended tokens of earlier rows stand before later rows; in time order they come last.
    dependence.length = batch_major && !within_rows && any_append(layout, [&](const Layout& longer) {
                          return leaves_out(options_.chunk_of(longer.tokens()), experts);
                        });
    return dependence;
  }

  ChunkOptions options_;
};

}  // namespace

Made make_expert_choice_streaming(const Parameters& parameters) {
  ParameterReader reader(ids::expert_choice_streaming, parameters);
  auto options = read_chunks(reader, true);
  if (options.capacity)
    reader.reject("the streaming form takes its rate from 'k' alone: a capacity has no prefix");
  return finished(reader, std::make_unique<StreamingExpertChoice>(options));
}

}  // namespace pastonly::routing
