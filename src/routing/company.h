#pragma once

#include <cstdint>
#include <vector>

#include "pastonly/routing_rule.h"

namespace pastonly::routing {

/// Another rule for which every token stands in its own place among the tokens of another batch: what it
/// decides tells of them, and next to nothing of the token's own sequence. Tokens are put there a sixteenth
/// at a time, drawn by the seed, so one in sixteen competitors still is of the token's own batch. Parameters,
/// id and dependence are the rule's. Keeps a reference to it.
class CompanyRule final : public RoutingRule {
 public:
  /// `others`: the other batch's scores in router order, (tokens, experts), of the shape that is selected
  /// from.
  CompanyRule(const RoutingRule& rule, std::vector<float> others, std::uint64_t seed)
      : rule_(rule), others_(std::move(others)), seed_(seed) {}

  std::string_view id() const noexcept override { return rule_.id(); }
  Parameters parameters() const override { return rule_.parameters(); }
  Dependence dependence(const Layout& layout, std::size_t experts) const override {
    return rule_.dependence(layout, experts);
  }
  void select(MatrixView<const float> scores, const RoutingContext& context, Routing& out) const override;

 private:
  const RoutingRule& rule_;
  std::vector<float> others_;
  std::uint64_t seed_;
};

}  // namespace pastonly::routing
