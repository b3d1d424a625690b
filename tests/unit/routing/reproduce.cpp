#include "reproduce.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "pastonly/router_order.h"
#include "routing/identify/shared/apply_ranking.h"

namespace pastonly::routing {
namespace {

// What identification says beyond a rule's own parameters.
constexpr std::array<std::string_view, 7> notes{"capacities", "chunk_or", "documents", "fit",
                                                "ranks_or",   "refitted", "ranking"};

/// A range stands for its lower end.
Value fixed(const Value& value) {
  const auto* least = value.find("min");
  return least != nullptr ? *least : value;
}

/// Tokens that compete with one another: a chunk, a sequence, or the batch.
std::int64_t competing(const Value& parameters, const Layout& layout) {
  if (const auto* chunk = parameters.find("chunk")) return chunk->integer().value_or(0);
  const auto* text = parameters.text("scope");
  const bool per_sequence = text != nullptr && *text == "sequence";
  return static_cast<std::int64_t>(per_sequence ? layout.positions : layout.tokens());
}

std::optional<Value> listed_capacity(const Value& parameters, const Layout& layout) {
  const auto* entries = parameters.array("capacities");
  if (entries == nullptr) return std::nullopt;
  for (const auto& entry : *entries) {
    if (entry.integer("tokens").value_or(0) != competing(parameters, layout)) continue;
    if (const auto* capacity = entry.find("capacity")) return fixed(*capacity);
  }
  return std::nullopt;
}

Value::Object own_parameters(const Value& parameters, const Layout& layout) {
  Value::Object own;
  const auto* object = parameters.object();
  if (object == nullptr) return own;
  const auto listed = listed_capacity(parameters, layout);
  for (const auto& [key, value] : *object) {
    if (std::ranges::find(notes, key) != notes.end()) continue;
    own.emplace_back(key, key == "capacity" && listed ? *listed : fixed(value));
  }
  if (listed && parameters.find("capacity") == nullptr) own.emplace_back("capacity", *listed);
  return own;
}

}  // namespace

Expected<std::unique_ptr<RoutingRule>> candidate_rule(std::string_view id, const Value& parameters,
                                                      const Layout& layout) {
  const auto* how = parameters.text("fit");
  if (how != nullptr && how->starts_with("free")) {
    return usage_error(std::string(id) +
                       ": only an offset fitted to every run explains the trace, not the rule's own");
  }
  if (id == "hash") return usage_error("hash: the table of token ids is not among the parameters");
  return make_rule(id, own_parameters(parameters, layout));
}

std::vector<float> candidate_scores(const LayerRecord& layer, const Value& parameters, const Layout& layout) {
  const auto* ranking = parameters.text("ranking");
  const bool logits = ranking != nullptr && *ranking == "logits" && layer.logits;
  const auto& tensor = logits ? *layer.logits : *layer.ranking();
  std::vector<float> scratch;
  const auto recorded = read_floats(tensor, 0, tensor.tokens(), scratch);  // batch-major
  std::vector<float> scores(recorded.size());
  to_router_order(layout, recorded.columns(), recorded.data(), scores.data());
  for (std::size_t i = 0; i < recorded.rows() && ranking != nullptr; ++i)
    apply_ranking(std::span(scores).subspan(i * recorded.columns(), recorded.columns()), *ranking);
  return scores;
}

}  // namespace pastonly::routing
