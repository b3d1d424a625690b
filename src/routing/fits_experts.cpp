#include "routing/fits_experts.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "routing/rule_traits.h"

namespace pastonly::routing {
namespace {

/// "" or what is wrong with one parameter.
std::string misfit(std::string_view key, const Value& value, std::size_t experts) {
  const auto amount = value.number();
  if (key == "k" && amount && *amount > static_cast<double>(experts))
    return fmt::format("k = {} is more than the {} experts of a layer", *amount, experts);
  if ((key == "groups" || key == "ranks") && amount && experts % static_cast<std::size_t>(*amount) != 0)
    return fmt::format("{} {} do not divide the {} experts of a layer", *amount, key, experts);
  const auto* const list = value.array();
  if (list == nullptr) return "";
  if ((key == "bias" || key == "thresholds") && list->size() > 1 && list->size() != experts)
    return fmt::format("{} has {} values, a layer {} experts", key, list->size(), experts);
  const auto beyond = [&](const Value& expert) {
    return expert.number().value_or(0.0) >= static_cast<double>(experts);
  };
  if (key == "table" && std::ranges::any_of(*list, beyond))
    return fmt::format("the table names an expert beyond the {} of a layer", experts);
  return "";
}

/// How many experts the groups hold that a token may choose from; all where there are none.
std::size_t within_reach(const Parameters& parameters, std::size_t experts) {
  const Value* const groups = find(parameters, "groups");
  const Value* const best = find(parameters, "topk_groups");
  if (groups == nullptr || best == nullptr) return experts;
  const auto of = [](const Value& value) { return static_cast<std::size_t>(value.integer().value_or(1)); };
  return experts / of(*groups) * of(*best);
}

}  // namespace

Expected<void> fits_experts(const RoutingRule& rule, std::size_t experts) {
  const auto refuse = [&](std::string_view why) {
    return usage_error(fmt::format("rule {}: {}", rule.id(), why));
  };
  if (experts < rule_traits(rule.id()).fewest_experts) return refuse("needs two experts, a layer has 1");
  const Parameters parameters = rule.parameters();
  for (const auto& [key, value] : parameters) {
    if (const std::string why = misfit(key, value, experts); !why.empty()) return refuse(why);
  }
  const Value* const k = find(parameters, "k");
  const std::size_t most = within_reach(parameters, experts);
  if (k != nullptr && k->number().value_or(0.0) > static_cast<double>(most))
    return refuse(fmt::format("k = {} is more than the {} experts of its topk_groups", *k->number(), most));
  return {};
}

}  // namespace pastonly::routing
