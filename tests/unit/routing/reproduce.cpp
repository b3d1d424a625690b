#include "reproduce.h"

#include <algorithm>
#include <array>
#include <string>

#include "kernels/elementary.h"
#include "routing/rule_ids.h"

using namespace pastonly;

namespace {

// What identification says beyond a rule's own parameters.
constexpr std::array<std::string_view, 5> notes{"capacities", "chunk_or", "fit", "refitted", "ranking"};

/// A range stands for its lower end.
Value lower_end(const Value& value) {
  const auto* least = value.find("min");
  return least != nullptr ? *least : value;
}

std::int64_t whole_number(const Value* value) {
  const auto* number = value == nullptr ? nullptr : value->get_if<std::int64_t>();
  return number == nullptr ? 0 : *number;
}

/// Tokens that compete with one another: a chunk, a sequence, or the batch.
std::int64_t competing(const Value& parameters, const Layout& layout) {
  if (const auto* chunk = parameters.find("chunk")) return whole_number(chunk);
  const auto* scope = parameters.find("scope");
  const auto* text = scope == nullptr ? nullptr : scope->get_if<std::string>();
  const bool per_sequence = text != nullptr && *text == "sequence";
  return static_cast<std::int64_t>(per_sequence ? layout.positions : layout.tokens());
}

std::optional<Value> listed_capacity(const Value& parameters, const Layout& layout) {
  const auto* list = parameters.find("capacities");
  const auto* entries = list == nullptr ? nullptr : list->get_if<Value::Array>();
  if (entries == nullptr) return std::nullopt;
  for (const auto& entry : *entries) {
    if (whole_number(entry.find("tokens")) != competing(parameters, layout)) continue;
    if (const auto* capacity = entry.find("capacity")) return lower_end(*capacity);
  }
  return std::nullopt;
}

Value::Object own_parameters(const Value& parameters, const Layout& layout) {
  Value::Object own;
  const auto* object = parameters.get_if<Value::Object>();
  if (object == nullptr) return own;
  const auto listed = listed_capacity(parameters, layout);
  for (const auto& [key, value] : *object) {
    if (std::ranges::find(notes, key) != notes.end()) continue;
    own.emplace_back(key, key == "capacity" && listed ? *listed : lower_end(value));
  }
  if (listed && parameters.find("capacity") == nullptr) own.emplace_back("capacity", *listed);
  return own;
}

/// Turns one token's scores into what a candidate of this `ranking` ranks; others leave them as they are.
void apply_ranking(std::span<float> row, std::string_view ranking) {
  if (ranking == "log-score") {
    for (float& score : row) score = kernels::log(score);
  } else if (ranking == "log-odds") {
    for (float& score : row) score = kernels::log(score) - kernels::log1p(-score);
  } else if (ranking == "softmax") {
    const float largest = *std::ranges::max_element(row);
    float sum = 0.0F;
    for (float& score : row) sum += score = kernels::exp(score - largest);
    for (float& score : row) score /= sum;
  }
}

}  // namespace

Expected<std::unique_ptr<RoutingRule>> candidate_rule(std::string_view id, const Value& parameters,
                                                      const Layout& layout) {
  const auto* fit = parameters.find("fit");
  const auto* how = fit == nullptr ? nullptr : fit->get_if<std::string>();
  if (how != nullptr && how->starts_with("free")) {
    return usage_error(std::string(id) +
                       ": only an offset fitted to every run explains the trace, not the rule's own");
  }
  if (id == routing::ids::hash)
    return usage_error("hash: the table of token ids is not among the parameters");
  return make_rule(id, own_parameters(parameters, layout));
}

std::vector<float> candidate_scores(const LayerRecord& layer, const Value& parameters, const Layout& layout) {
  const auto* value = parameters.find("ranking");
  const auto* ranking = value == nullptr ? nullptr : value->get_if<std::string>();
  const bool logits = ranking != nullptr && *ranking == "logits" && layer.logits;
  const auto& tensor = logits ? *layer.logits : *layer.ranking();
  std::vector<float> scratch;
  const auto recorded = read_floats(tensor, 0, tensor.tokens(), scratch);  // batch-major
  std::vector<float> scores(recorded.size());
  for (std::size_t row = 0; row < layout.sequences; ++row) {
    for (std::size_t position = 0; position < layout.positions; ++position) {
      const auto from = recorded.row(layout.token(row, position));
      float* const to = scores.data() + layout.router_index(row, position) * recorded.columns();
      std::ranges::copy(from, to);
      if (ranking != nullptr) apply_ranking({to, recorded.columns()}, *ranking);
    }
  }
  return scores;
}
