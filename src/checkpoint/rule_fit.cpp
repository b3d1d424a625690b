#include "checkpoint/rule_fit.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>

#include "routing/rule_traits.h"

namespace pastonly::checkpoint {
namespace {}  // namespace

Expected<void> fits(const RoutingRule& rule, std::size_t experts) {
  const auto refuse = [&](std::string_view why) {
    return usage_error(fmt::format("rule {}: {}", rule.id(), why));
  };
  const routing::RuleTraits& traits = routing::rule_traits(rule.id());
  if (traits.more_than_selection) {
    return refuse(
        "needs more than the router's scores, and a checkpoint holds only those; record a plan of the model "
        "in training instead (docs/guide.md)");
  }
  if (experts < traits.fewest_experts) return refuse("needs two experts, a layer has 1");
  for (const auto& [key, value] : rule.parameters()) {
    const auto amount = value.number();
    if (key == "k" && amount && *amount > static_cast<double>(experts))
      return refuse(fmt::format("k = {} is more than the {} experts of a layer", *amount, experts));
    if (key == "groups" && amount && experts % static_cast<std::size_t>(*amount) != 0)
      return refuse(fmt::format("{} groups do not divide the {} experts of a layer", *amount, experts));
    const auto* list = value.array();
    if ((key == "bias" || key == "thresholds") && list != nullptr && list->size() > 1 &&
        list->size() != experts)
      return refuse(fmt::format("{} has {} values, a layer {} experts", key, list->size(), experts));
  }
  return {};
}

}  // namespace pastonly::checkpoint
