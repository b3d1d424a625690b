#include "checkpoint/text_part.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "checkpoint/family.h"
#include "checkpoint/unread_keys.h"

namespace pastonly::checkpoint {
namespace {

using input::Json;

/// Models that tie their heads where nothing is said; transformers looks at the configuration of the whole.
constexpr auto tied_by_default = std::to_array<std::string_view>({"ernie4_5_vl_moe", "gemma4"});

/// Token ids that stand for images and sounds, and configurations of what sees and hears.
bool is_of_other_parts(std::string_view key) {
  constexpr auto ends =
      std::to_array<std::string_view>({"_token_id", "_token_ids", "_token_index", "_config", "_seq_length",
                                       "_feature_layer", "_feature_select_strategy"});
  return std::ranges::any_of(ends, [&](std::string_view end) { return key.ends_with(end); });
}

std::string text_of(const Json& json, std::string_view key) {
  const auto at = json.find(key);
  return at != json.end() && at->is_string() ? at->get<std::string>() : "";
}

}  // namespace

TextPart text_part(const Json& config, const std::string& file) {
  const auto part = config.find("text_config");
  if (part == config.end() || !part->is_object()) return {config, "", {}};
  const std::string inner = text_of(*part, "model_type"), outer = text_of(config, "model_type");
  if (find_family(inner) == nullptr && find_renamed(inner) == nullptr) return {config, "", {}};
  TextPart out{*part, outer.empty() ? "a model around it" : outer, {}};
  const bool tied = std::ranges::find(tied_by_default, outer) != tied_by_default.end();
  out.config["tie_word_embeddings"] = config.value("tie_word_embeddings", Json(tied));
  if (config.contains("quantization_config"))
    out.config["quantization_config"] = config["quantization_config"];
  if (config.contains("auto_map")) out.config["auto_map"] = config["auto_map"];
  Json rest = Json::object();
  for (const auto& [key, value] : config.items()) {
    if (key != "model_type" && key != "tie_word_embeddings" && key != "quantization_config" &&
        key != "auto_map" && !is_of_other_parts(key))
      rest[key] = value;
  }
  input::ObjectReader reader(rest, file);
  out.unread = unread_keys(reader);
  return out;
}

}  // namespace pastonly::checkpoint
