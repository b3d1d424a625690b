#include "routing/rule_facts.h"

#include <fmt/format.h>

#include <vector>

#include "routing/rule_ids.h"
#include "routing/rule_traits.h"
#include "stats/nearest_names.h"

namespace pastonly::routing {
namespace {

const RuleTraits& traits_of(const LayerFacts::Rule& rule) {
  return rule_traits(rule.id ? std::string_view(*rule.id) : std::string_view());
}

}  // namespace

bool names_rule(std::string_view rule, std::string_view id) {
  const auto spec = parse_rule(rule);
  return spec && spec->id == id;
}

std::string top_k_rule(std::int64_t k) { return format_rule({std::string(ids::top_k), {{"k", k}}}); }

bool takes(const RuleInfo& info, std::string_view key) {
  const std::string_view keys = info.keys;
  for (std::size_t at = keys.find(key); at != std::string_view::npos; at = keys.find(key, at + 1)) {
    const bool begins = at == 0 || keys[at - 1] == ' ' || keys[at - 1] == '|';
    const std::size_t end = at + key.size();
    if (begins && (end == keys.size() || std::string_view(" |=").find(keys[end]) != std::string_view::npos))
      return true;
  }
  return false;
}

std::optional<std::uint64_t> asked_experts(const LayerFacts::Rule& rule) {
  const Asks asks = traits_of(rule).asks;
  if (asks != Asks::k && asks != Asks::k_or_one) return std::nullopt;
  const auto k = rule.parameters.number("k");
  if (k && *k >= 1.0) return static_cast<std::uint64_t>(*k);
  return asks == Asks::k_or_one ? std::optional<std::uint64_t>(1) : std::nullopt;
}

bool carries_second_choice(const LayerFacts::Rule& rule) {
  return traits_of(rule).mask_carries == MaskCarries::second_choice;
}

std::optional<std::uint64_t> expert_choice_chunk(const LayerFacts::Rule& rule) {
  if (traits_of(rule).mask_carries != MaskCarries::chunk_choice) return std::nullopt;
  const auto chunk = rule.parameters.number("chunk");
  return chunk && *chunk >= 1.0 ? std::optional(static_cast<std::uint64_t>(*chunk)) : std::nullopt;
}

std::string bound_applies_to(const LayerFacts::Rule& rule) {
  const std::string_view bound = ids::expert_choice;
  if (!rule.id) return fmt::format("{} (this layer's rule is not known)", bound);
  switch (traits_of(rule).mask_carries) {
    case MaskCarries::chunk_choice:
      return fmt::format("{}: this layer's rule", bound);
    case MaskCarries::nothing:
      if (rule.causal != true) break;
      return fmt::format("{}; this layer's rule is token-wise: its mask carries 0 bits about later tokens",
                         bound);
    case MaskCarries::second_choice:
      return fmt::format("{}; this layer's rule is {}: its second choice carries at most 1 bit per token",
                         bound, ids::gshard_top_2);
    case MaskCarries::unknown:
      break;
  }
  return fmt::format("{}; not this layer's rule", bound);
}

std::string instead_of_unknown(std::string_view id) {
  std::vector<std::string> known;
  for (const RuleInfo& rule : routing_rules()) known.emplace_back(rule.id);
  const std::string near = stats::did_you_mean(id, known);
  return near.empty() ? "; `pastonly rules` lists them" : near;
}

}  // namespace pastonly::routing
