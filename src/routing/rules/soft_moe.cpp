#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/group.h"

namespace pastonly::routing {

namespace {

/// Every expert sees a weighted mean of all tokens: the mask is full, the weights carry everything.
class SoftMoe final : public GroupedRule {
 public:
  explicit SoftMoe(GroupingOptions grouping) : GroupedRule(grouping) {}

  std::string_view id() const noexcept override { return ids::soft_moe; }

 private:
  void route(const Group& group, Routing& out) const override {
    for (std::size_t token = 0; token < group.tokens(); ++token) {
      if (!group.is_valid(token)) continue;
      const std::size_t row = group.row(token);
      for (std::size_t expert = 0; expert < group.experts(); ++expert) {
        out.selected(row, expert) = out.mask(row, expert) = 1;
      }
    }
  }
  Dependence group_dependence(const Layout& layout, std::size_t) const override {
    const bool several = layout.tokens() > 1;
    return {.future = several, .batch = several, .length = true};
  }
};

}  // namespace

Made make_soft_moe(const Parameters& parameters) {
  ParameterReader reader(ids::soft_moe, parameters);
  const GroupingOptions grouping = read_grouping(reader);
  return finished(reader, std::make_unique<SoftMoe>(grouping));
}

}  // namespace pastonly::routing
