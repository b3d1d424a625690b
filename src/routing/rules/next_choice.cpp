#include <algorithm>
#include <vector>

#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/capped.h"

namespace pastonly::routing {

namespace {

/// "No token left behind": a token that found no slot at its j-th choice tries its next one.
class NextChoice final : public CappedRule {
 public:
  explicit NextChoice(CappedOptions options)
      : CappedRule(ids::next_choice, options, Precedence::choice_major) {}

 private:
  void admit(const Group& group, const Choices& choices, std::size_t slots, Routing& out) const override {
    std::vector<std::size_t> taken(group.experts(), 0);
    std::vector<bool> placed(group.tokens(), false);
    for (std::size_t round = 0; round < choices.k; ++round) {
      for (std::size_t token = 0; token < group.tokens(); ++token) {
        if (placed[token] || !group.is_valid(token)) continue;
        const auto expert = choices.of(token)[round];
        if (taken[expert] == slots) continue;
        ++taken[expert];
        placed[token] = true;
        out.mask(group.row(token), expert) = 1;
      }
    }
  }
  /// The future reaches a token only if its first choice was filled before it and its second can be filled
  /// after it: it stands behind C tokens that fill the one, at most N C - 1 before it find a place without
  /// filling the other, and C tokens remain for that.
  Dependence group_dependence(const Layout& layout, std::size_t experts) const override {
    Dependence dependence = CappedRule::group_dependence(layout, experts);
    if (!dependence.future) return dependence;
    const std::size_t slots =
        options().capacity.of(layout.tokens(), experts, static_cast<double>(std::min(options().k, experts)));
    dependence.future = false;
    if (layout.tokens() < 2 * slots + 1) return dependence;
    for (std::size_t i = slots; i < std::min(experts * slots, layout.tokens()) && !dependence.future; ++i) {
      const std::size_t position =
          layout.order == TokenOrder::batch_major ? i % layout.positions : i / layout.sequences;
      dependence.future = position + 1 < layout.positions;
    }
    return dependence;
  }
};

}  // namespace

Made make_next_choice(const Parameters& parameters) {
  ParameterReader reader(ids::next_choice, parameters);
  return finished(reader, std::make_unique<NextChoice>(read_capped(reader, 2)));
}

}  // namespace pastonly::routing
