#include "integrity/plan_facts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include "input/trace/declared_rule.h"

namespace pastonly::integrity {
namespace {

constexpr std::size_t tokens_at_once = 4096;

/// The number of experts of every token; nothing where tokens differ, or none has one.
std::optional<std::size_t> experts_of_each(const Trace& trace, const LayerRecord& layer) {
  std::optional<std::size_t> common;
  std::vector<std::uint8_t> scratch;
  for (std::size_t first = 0; first < trace.layout.tokens(); first += tokens_at_once) {
    const auto mask =
        mask_rows(layer, first, std::min(tokens_at_once, trace.layout.tokens() - first), scratch);
    for (std::size_t token = 0; token < mask.rows(); ++token) {
      if (!trace.is_valid(first + token)) continue;
      const auto row = mask.row(token);
      const auto count = std::accumulate(row.begin(), row.end(), std::size_t{0});
      if (count != common.value_or(count)) return std::nullopt;
      common = count;
    }
  }
  return common == std::size_t{0} ? std::nullopt : common;
}

std::string check_layers(const input::Plan::Model& model, const Trace& trace) {
  for (const LayerRecord& layer : trace.layers) {
    const std::uint32_t index = raw(layer.index);
    if (!model.layers.empty() && std::ranges::find(model.layers, index) == model.layers.end())
      return fmt::format("'model.layers' names {}, and layer {} is recorded", fmt::join(model.layers, ", "),
                         index);
    if (model.experts.value_or(layer.experts) != layer.experts)
      return fmt::format("'model.experts' is {}, layer {} has {}", *model.experts, index, layer.experts);
  }
  return "";
}

std::string check_top_k(std::size_t top_k, const Trace& trace) {
  const auto spec = trace.rule.empty() ? std::nullopt : std::optional(input::declared_rule(trace));
  const Value* const k = spec && *spec ? find((*spec)->parameters, "k") : nullptr;
  if (k != nullptr && k->number() && *k->number() != static_cast<double>(top_k))
    return fmt::format("'model.top_k' is {}, the declared rule has k = {}", top_k, *k->number());
  // Layers may differ, and a mask may hold shared experts as well.
  std::string why;
  for (const LayerRecord& layer : trace.layers) {
    const auto each = experts_of_each(trace, layer);
    if (!each || *each >= top_k) return "";
    if (why.empty())
      why = fmt::format("'model.top_k' is {}, every token of layer {} has {} expert{}", top_k,
                        raw(layer.index), *each, *each == 1 ? "" : "s");
  }
  return why;
}

}  // namespace

std::string contradicts_plan(const input::Plan::Model& model, const Trace& trace) {
  if (model.vocab && trace.vocab && *model.vocab != *trace.vocab)
    return fmt::format("'model.vocab' is {}, __metadata__ vocab {}", *model.vocab, *trace.vocab);
  for (const std::int64_t id : model.special) {
    if (trace.vocab && static_cast<std::uint64_t>(id) >= *trace.vocab)
      return fmt::format("'model.special' names token {}, the vocabulary has {}", id, *trace.vocab);
  }
  if (auto why = check_layers(model, trace); !why.empty()) return why;
  return model.top_k ? check_top_k(*model.top_k, trace) : "";
}

}  // namespace pastonly::integrity
