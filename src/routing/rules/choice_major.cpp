#include <algorithm>
#include <numeric>
#include <vector>

#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/capped.h"
#include "routing/selection/order_key.h"

namespace pastonly::routing {

namespace {

class ChoiceMajor final : public CappedRule {
 public:
  explicit ChoiceMajor(CappedOptions options)
      : CappedRule(ids::gshard_top_2, options, Precedence::choice_major) {}

 private:
  void admit(const Group& group, const Choices& choices, std::size_t slots, Routing& out) const override {
    admit_choice_major(group, choices, slots, {}, out);
  }
};

class BatchPriority final : public CappedRule {
 public:
  explicit BatchPriority(CappedOptions options)
      : CappedRule(ids::batch_priority, options, Precedence::by_merit) {}

 private:
  void admit(const Group& group, const Choices& choices, std::size_t slots, Routing& out) const override {
    std::vector<std::uint32_t> order(group.tokens());
    std::vector<std::uint32_t> importance(group.tokens());
    for (std::size_t token = 0; token < group.tokens(); ++token) {
      importance[token] = order_key(group.scores(token, choices.of(token)[0]));
    }
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return importance[a] > importance[b]; });
    admit_choice_major(group, choices, slots, order, out);
  }
};

}  // namespace

Made make_gshard(const Parameters& parameters) {
  ParameterReader reader(ids::gshard_top_2, parameters);
  const auto options = read_capped(reader, 2);
  if (options.k < 2) reader.reject("parameter 'k' must be at least 2; switch-capacity takes one choice");
  return finished(reader, std::make_unique<ChoiceMajor>(options));
}

Made make_batch_priority(const Parameters& parameters) {
  ParameterReader reader(ids::batch_priority, parameters);
  return finished(reader, std::make_unique<BatchPriority>(read_capped(reader, 2)));
}

}  // namespace pastonly::routing
