#include "routing/rule_facts.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>

namespace pastonly {
namespace {

bool is_one_of(const std::optional<std::string>& id, std::span<const std::string_view> ids) {
  return id && std::ranges::find(ids, std::string_view(*id)) != ids.end();
}

// Given its own scores (and state from earlier batches) a token's mask is a constant.
constexpr std::array<std::string_view, 9> kTokenWise{"top-k",
                                                     "biased-top-k",
                                                     "group-limited-top-k",
                                                     "expert-threshold",
                                                     "mixture-of-depths(predictor)",
                                                     "k-means",
                                                     "expert-autonomy",
                                                     "hash",
                                                     "quantile-balancing"};
constexpr std::array<std::string_view, 11> kFixedTokenChoice{
    "top-k",           "biased-top-k",         "group-limited-top-k",
    "switch-capacity", "token-major-capacity", "fixed-capacity",
    "gshard-top-2",    "batch-priority",       "drop-by-score",
    "random-token",    "unstable-capacity"};

}  // namespace

std::optional<std::uint64_t> asked_experts(const LayerFacts::Rule& rule) {
  if (!is_one_of(rule.id, kFixedTokenChoice)) return std::nullopt;
  const auto k = rule.parameters.number("k");
  if (k && *k >= 1.0) return static_cast<std::uint64_t>(*k);
  if (*rule.id == "switch-capacity" || *rule.id == "fixed-capacity") return 1;
  return std::nullopt;
}

std::optional<std::uint64_t> expert_choice_chunk(const LayerFacts::Rule& rule) {
  if (!rule.id || *rule.id != "expert-choice") return std::nullopt;
  const auto chunk = rule.parameters.number("chunk");
  return chunk && *chunk >= 1.0 ? std::optional(static_cast<std::uint64_t>(*chunk)) : std::nullopt;
}

std::string_view bound_applies_to(const LayerFacts::Rule& rule) {
  if (!rule.id) return "expert-choice (this layer's rule is not known)";
  if (*rule.id == "expert-choice") return "expert-choice: this layer's rule";
  if (is_one_of(rule.id, kTokenWise) && rule.causal == true) {
    return "expert-choice; this layer's rule is token-wise: its mask carries 0 bits about later tokens";
  }
  if (rule.id->starts_with("gshard-top-2")) {
    return "expert-choice; this layer's rule is gshard-top-2: its second choice carries at most 1 bit per "
           "token";
  }
  return "expert-choice; not this layer's rule";
}

}  // namespace pastonly
