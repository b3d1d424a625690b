#include <algorithm>
#include <numeric>
#include <vector>

#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/group.h"
#include "routing/selection/order_key.h"
#include "routing/selection/rank_counts.h"

namespace pastonly::routing {

namespace {

/// One budget of k pairs per token for all tokens of a group.
class SequenceTopK : public GroupedRule {
 public:
  SequenceTopK(std::string_view id, std::size_t k, GroupingOptions grouping)
      : GroupedRule(grouping), id_(id), k_(k) {}

  std::string_view id() const noexcept override { return id_; }
  Parameters parameters() const override {
    Parameters parameters{{"k", k_}};
    grouping().write(parameters);
    return parameters;
  }

 protected:
  std::size_t k() const noexcept { return k_; }
  /// Pairs token * experts + expert of all tokens that are no padding, best first; ties: lower pair.
  static std::vector<std::size_t> ranked_pairs(const Group& group) {
    std::vector<std::size_t> pairs;
    for (std::size_t token = 0; token < group.tokens(); ++token) {
      if (!group.is_valid(token)) continue;
      for (std::size_t e = 0; e < group.experts(); ++e) pairs.push_back(token * group.experts() + e);
    }
    const float* scores = group.scores.data();
    std::ranges::stable_sort(
        pairs, [&](std::size_t a, std::size_t b) { return order_key(scores[a]) > order_key(scores[b]); });
    return pairs;
  }
  static void take(const Group& group, std::size_t pair, Routing& out) {
    const std::size_t row = group.row(pair / group.experts()), expert = pair % group.experts();
    out.selected(row, expert) = out.mask(row, expert) = 1;
  }

 private:
  std::string_view id_;
  std::size_t k_;
};

class WholeTopK final : public SequenceTopK {
 public:
  using SequenceTopK::SequenceTopK;

 private:
  void route(const Group& group, Routing& out) const override {
    const auto pairs = ranked_pairs(group);
    const std::size_t budget = std::min(pairs.size(), pairs.size() / group.experts() * k());
    for (std::size_t i = 0; i < budget; ++i) take(group, pairs[i], out);
  }
  Dependence group_dependence(const Layout& layout, std::size_t experts) const override {
    const bool contested = k() < experts;
    return {.future = contested, .batch = contested && layout.sequences > 1, .length = contested};
  }
};

class StreamingTopK final : public SequenceTopK {
 public:
  using SequenceTopK::SequenceTopK;

 private:
  void route(const Group& group, Routing& out) const override {
    const auto pairs = ranked_pairs(group);
    std::vector<std::size_t> rank(group.scores.size(), 0);
    for (std::size_t r = 0; r < pairs.size(); ++r) rank[pairs[r]] = r;
    RankCounts counts;
    counts.reset(pairs.size());
    std::size_t seen = 0;
    for (std::size_t token = 0; token < group.tokens(); ++token) {
      if (!group.is_valid(token)) continue;
      ++seen;
      const std::size_t first = token * group.experts();
      for (std::size_t e = 0; e < group.experts(); ++e) counts.add(rank[first + e]);
      for (std::size_t e = 0; e < group.experts(); ++e) {
        if (counts.below(rank[first + e]) < k() * seen) take(group, first + e, out);
      }
    }
  }
  Dependence group_dependence(const Layout& layout, std::size_t experts) const override {
    const bool shared = k() < experts && layout.sequences > 1;
    // Appended tokens of earlier rows stand before later rows; in time order they come last.
    return {.batch = shared, .order = shared, .length = shared && layout.order == TokenOrder::batch_major};
  }
};

}  // namespace

Made make_sequence_top_k(const Parameters& parameters) {
  ParameterReader reader(ids::sequence_top_k, parameters);
  const std::size_t k = reader.count("k", std::nullopt);
  const auto grouping = read_grouping(reader, true, true);
  return finished(reader, std::make_unique<WholeTopK>(ids::sequence_top_k, k, grouping));
}

Made make_sequence_top_k_streaming(const Parameters& parameters) {
  ParameterReader reader(ids::sequence_top_k_streaming, parameters);
  const std::size_t k = reader.count("k", std::nullopt);
  const auto grouping = read_grouping(reader, true, true);
  return finished(reader, std::make_unique<StreamingTopK>(ids::sequence_top_k_streaming, k, grouping));
}

}  // namespace pastonly::routing
