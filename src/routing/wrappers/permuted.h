#pragma once

#include <cstdint>
#include <vector>

#include "routing/wrappers/rule_wrapper.h"

namespace pastonly::routing {

/// A random order of n things (Fisher-Yates): a function of the seed and n.
std::vector<std::size_t> random_order(std::size_t n, std::uint64_t seed);

/// Another rule that sees all tokens of the batch in random order, across sequences and chunks; masks come
/// back in the tokens' own order.
class PermutedRule final : public RuleWrapper {
 public:
  PermutedRule(const RoutingRule& rule, std::uint64_t seed) : RuleWrapper(rule), seed_(seed) {}

  void select(MatrixView<const float> scores, const RoutingContext& context, Routing& out) const override;

 private:
  std::uint64_t seed_;
};

}  // namespace pastonly::routing
