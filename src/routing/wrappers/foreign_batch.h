#pragma once

#include <cstdint>
#include <vector>

#include "routing/wrappers/rule_wrapper.h"

namespace pastonly::routing {

/// Another rule for which every token stands in its own place among the tokens of another batch: what it
/// decides tells of them, and next to nothing of the token's own sequence. Tokens are put there a sixteenth
/// at a time, drawn by the seed, so one in sixteen competitors still is of the token's own batch.
class ForeignBatchRule final : public RuleWrapper {
 public:
  /// `others`: the other batch's scores in router order, (tokens, experts), of the shape that is selected
  /// from.
  ForeignBatchRule(const RoutingRule& rule, std::vector<float> others, std::uint64_t seed)
      : RuleWrapper(rule), others_(std::move(others)), seed_(seed) {}

  void select(MatrixView<const float> scores, const RoutingContext& context, Routing& out) const override;

 private:
  std::vector<float> others_;
  std::uint64_t seed_;
};

}  // namespace pastonly::routing
