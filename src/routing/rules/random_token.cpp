#include <vector>

#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/capped.h"
#include "routing/selection/chance.h"

namespace pastonly::routing {

namespace {

class RandomToken final : public CappedRule {
 public:
  explicit RandomToken(CappedOptions options)
      : CappedRule(ids::random_token, options, Precedence::choice_major) {}

 private:
  void admit(const Group& group, const Choices& choices, std::size_t slots, Routing& out) const override {
    // One uniform draw per token and choice, in the order of the tokens, as the frameworks draw them.
    auto rng = group_noise(group);
    std::vector<float> priority(choices.experts.size());  // (tokens, k)
    for (float& draw : priority) draw = static_cast<float>(rng.uniform());
    admit_by_priority(group, choices, slots, priority, out);
  }
  Dependence group_dependence(const Layout& layout, std::size_t experts) const override {
    Dependence dependence =
        capped_dependence(layout, experts, options().capacity, options().k, Precedence::by_merit);
    dependence.order = dependence.batch;
    dependence.random = options().capacity.binds(layout.tokens(), experts,
                                                 static_cast<double>(std::min(options().k, experts)));
    return dependence;
  }
};

}  // namespace

Made make_random_token(const Parameters& parameters) {
  ParameterReader reader(ids::random_token, parameters);
  return finished(reader, std::make_unique<RandomToken>(read_capped(reader, 1)));
}

}  // namespace pastonly::routing
