#include <algorithm>
#include <vector>

#include "routing/dependence.h"
#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/capped.h"

namespace pastonly::routing {

namespace {

/// The buffer of an expert-parallel rank holds so many choices; what its last experts were sent falls off its
/// end.
class RankCapacity final : public GroupedRule {
 public:
  RankCapacity(CappedOptions options, std::size_t ranks)
      : GroupedRule(options.grouping), options_(options), ranks_(ranks) {}

  std::string_view id() const noexcept override { return ids::rank_capacity; }
  Parameters parameters() const override {
    Parameters parameters{{"k", options_.k}, {"ranks", ranks_}};
    options_.capacity.write(parameters);
    options_.grouping.write(parameters);
    return parameters;
  }

 private:
  /// Experts of a rank; the last rank may hold fewer (whoever knows the experts refuses that:
  /// fits_experts.h).
  std::size_t block(std::size_t experts) const noexcept { return (experts + ranks_ - 1) / ranks_; }
  std::size_t slots(std::size_t tokens, std::size_t experts) const noexcept {
    return options_.capacity.of(tokens, ranks_, static_cast<double>(std::min(options_.k, experts)));
  }
  void route(const Group& group, Routing& out) const override {
    const std::size_t experts = group.experts(), wide = block(experts);
    const std::size_t capacity = slots(group.tokens(), experts);
    const Choices choices = top_choices(group.scores, options_.k);
    mark(group, choices, false, out);
    for (std::size_t first = 0; first < experts; first += wide) {
      std::size_t taken = 0;
      for (std::size_t e = first; e < std::min(first + wide, experts); ++e) {
        for (std::size_t token = 0; token < group.tokens() && taken < capacity; ++token) {
          const std::size_t row = group.row(token);
          if (out.selected(row, e) == 0) continue;
          ++taken;
          out.mask(row, e) = 1;
        }
      }
    }
  }
  Dependence group_dependence(const Layout& layout, std::size_t experts) const override {
    const std::size_t wide = std::min(block(experts), experts);
    // Choices that one token can have on a rank.
    const std::size_t most = std::min(options_.k, wide);
    const auto binds = [&](const Layout& batch) {
      const std::size_t capacity = slots(batch.tokens(), experts);
      return capacity > 0 && capacity < batch.tokens() * most;
    };
    const bool now = binds(layout);
    // A rank of one expert serves its tokens in order.
    const bool in_order = wide == 1;
    const bool appended_last = layout.sequences == 1 || layout.order == TokenOrder::sequence_major;
    const std::size_t all = layout.tokens() * most;
    Dependence dependence;
    dependence.future = now && !in_order;
    dependence.batch = dependence.order = now && layout.sequences > 1;
    dependence.length = any_append(layout, [&](const Layout& longer) {
      const bool slots_change =
          std::min(slots(layout.tokens(), experts), all) != std::min(slots(longer.tokens(), experts), all);
      return slots_change || (binds(longer) && !(in_order && appended_last));
    });
    return dependence;
  }

  CappedOptions options_;
  std::size_t ranks_;
};

}  // namespace

Made make_rank_capacity(const Parameters& parameters) {
  ParameterReader reader(ids::rank_capacity, parameters);
  const auto options = read_capped(reader, std::nullopt);
  const std::size_t ranks = reader.count("ranks", 1);
  return finished(reader, std::make_unique<RankCapacity>(options, ranks));
}

}  // namespace pastonly::routing
