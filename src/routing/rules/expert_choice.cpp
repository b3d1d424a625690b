#include <algorithm>
#include <numeric>
#include <vector>

#include "routing/dependence.h"
#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/chance.h"
#include "routing/selection/chunks.h"
#include "routing/selection/column_top.h"

namespace pastonly::routing {

namespace {

void copy_rows(const Group& group, std::size_t token, std::span<const std::uint8_t> chosen, Routing& out) {
  const std::size_t row = group.row(token);
  for (std::size_t expert = 0; expert < chosen.size(); ++expert) {
    out.selected(row, expert) = out.mask(row, expert) = chosen[expert];
  }
}

class ExpertChoice final : public GroupedRule {
 public:
  explicit ExpertChoice(ChunkOptions options) : GroupedRule(options.grouping), options_(options) {}

  std::string_view id() const noexcept override { return ids::expert_choice; }
  Parameters parameters() const override { return options_.write(); }

 private:
  void route(const Group& group, Routing& out) const override {
    ColumnTop top;
    std::vector<std::uint8_t> chosen;  // (chunk, experts), where the group's rows are scattered
    const std::size_t chunk = options_.chunk_of(group.tokens());
    for (std::size_t first = 0; first < group.tokens(); first += chunk) {
      const std::size_t size = std::min(chunk, group.tokens() - first);
      const auto valid = group.valid.empty() ? group.valid : group.valid.subspan(first, size);
      const auto scores = group.scores.rows(first, size);
      const std::size_t slots = options_.slots(size, group.experts());
      if (group.rows.empty()) {
        const auto rows = out.mask.view().rows(group.row(first), size);
        top.select(scores, slots, valid, false, rows);
        std::copy(rows.data(), rows.data() + rows.size(), out.selected.view().row(group.row(first)).data());
        continue;
      }
      chosen.assign(size * group.experts(), 0);
      top.select(scores, slots, valid, false, {chosen.data(), size, group.experts()});
      for (std::size_t i = 0; i < size; ++i) {
        copy_rows(group, first + i, {chosen.data() + i * group.experts(), group.experts()}, out);
      }
    }
  }
  Dependence group_dependence(const Layout& layout, std::size_t experts) const override {
    return chunked_dependence(layout, experts, options_);
  }

  ChunkOptions options_;
};

/// All tokens of the batch are permuted before they are cut into chunks.
class ShuffledExpertChoice final : public GroupedRule {
 public:
  explicit ShuffledExpertChoice(ChunkOptions options) : GroupedRule(options.grouping), options_(options) {}

  std::string_view id() const noexcept override { return ids::expert_choice_shuffled; }
  Parameters parameters() const override { return options_.write(); }

 private:
  void route(const Group& group, Routing& out) const override {
    const std::size_t tokens = group.tokens(), experts = group.experts();
    auto rng = group_noise(group);
    std::vector<std::size_t> order(tokens);
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t i = tokens; i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
    ColumnTop top;
    std::vector<float> scores;         // (chunk, experts)
    std::vector<std::uint8_t> valid;   // (chunk) or empty
    std::vector<std::uint8_t> chosen;  // (chunk, experts)
    const std::size_t chunk = options_.chunk_of(tokens);
    for (std::size_t first = 0; first < tokens; first += chunk) {
      const std::size_t size = std::min(chunk, tokens - first);
      // Back in order inside the chunk: ties go to the lower token, as without the shuffle.
      std::sort(order.begin() + static_cast<std::ptrdiff_t>(first),
                order.begin() + static_cast<std::ptrdiff_t>(first + size));
      scores.clear();
      valid.clear();
      for (std::size_t i = first; i < first + size; ++i) {
        const auto row = group.scores.row(order[i]);
        scores.insert(scores.end(), row.begin(), row.end());
        if (!group.valid.empty()) valid.push_back(group.valid[order[i]]);
      }
      chosen.assign(size * experts, 0);
      top.select({scores.data(), size, experts}, options_.slots(size, experts), valid, false,
                 {chosen.data(), size, experts});
      for (std::size_t i = 0; i < size; ++i) {
        copy_rows(group, order[first + i], {chosen.data() + i * experts, experts}, out);
      }
    }
  }
  Dependence group_dependence(const Layout& layout, std::size_t experts) const override {
    const std::size_t size = options_.chunk_of(layout.tokens());
    const std::size_t rest = layout.tokens() % size;
    const bool contested =
        options_.contested(size, experts) || (rest > 0 && options_.contested(rest, experts));
    // One chunk holds all tokens in whatever order; several are drawn.
    const bool drawn = contested && size < layout.tokens();
    const bool longer = any_append(layout, [&](const Layout& more) {
      const std::size_t chunk = options_.chunk_of(more.tokens());
      return options_.contested(chunk, experts) || contested;
    });
    return {.future = contested, .batch = contested, .order = drawn, .length = longer, .random = drawn};
  }

  ChunkOptions options_;
};

}  // namespace

Made make_expert_choice(const Parameters& parameters) {
  ParameterReader reader(ids::expert_choice, parameters);
  return finished(reader, std::make_unique<ExpertChoice>(read_chunks(reader, false, true)));
}

Made make_expert_choice_shuffled(const Parameters& parameters) {
  ParameterReader reader(ids::expert_choice_shuffled, parameters);
  return finished(reader, std::make_unique<ShuffledExpertChoice>(read_chunks(reader)));
}

}  // namespace pastonly::routing
