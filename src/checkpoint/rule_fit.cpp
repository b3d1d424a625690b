#include "checkpoint/rule_fit.h"

#include <fmt/format.h>

#include "routing/fits_experts.h"
#include "routing/rule_traits.h"

namespace pastonly::checkpoint {

Expected<void> fits(const RoutingRule& rule, std::size_t experts) {
  if (routing::rule_traits(rule.id()).more_than_selection) {
    return usage_error(
        fmt::format("rule {}: needs more than the router's scores, and a checkpoint holds only those; record "
                    "a plan of the "
                    "model in training instead (docs/guide.md)",
                    rule.id()));
  }
  return routing::fits_experts(rule, experts);
}

}  // namespace pastonly::checkpoint
