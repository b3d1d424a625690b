#pragma once

#include <cstdint>
#include <vector>

#include "pastonly/routing_rule.h"

namespace pastonly::routing {

/// A random order of n things (Fisher-Yates): a function of the seed and n.
std::vector<std::size_t> random_order(std::size_t n, std::uint64_t seed);

/// Another rule that sees all tokens of the batch in random order, across sequences and chunks; masks come
/// back in the tokens' own order. Parameters, id and dependence are the rule's. Keeps a reference to it.
class PermutedRule final : public RoutingRule {
 public:
  PermutedRule(const RoutingRule& rule, std::uint64_t seed) : rule_(rule), seed_(seed) {}

  std::string_view id() const noexcept override { return rule_.id(); }
  Parameters parameters() const override { return rule_.parameters(); }
  Dependence dependence(const Layout& layout, std::size_t experts) const override {
    return rule_.dependence(layout, experts);
  }
  void select(MatrixView<const float> scores, const RoutingContext& context, Routing& out) const override;

 private:
  const RoutingRule& rule_;
  std::uint64_t seed_;
};

}  // namespace pastonly::routing
