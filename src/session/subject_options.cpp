#include "session/subject_options.h"

#include "checkpoint/gguf.h"

namespace pastonly::session {
namespace {

constexpr std::string_view batch_major = "batch-major";
constexpr std::string_view sequence_major = "sequence-major";

std::optional<std::size_t> positive(std::optional<std::int64_t> number) {
  if (!number || *number <= 0) return std::nullopt;
  return static_cast<std::size_t>(*number);
}

using Texts = std::map<std::string, std::string>;

void set_texts(const char* key, const Texts& texts, Value& value) {
  if (texts.empty()) return;
  Value object{Value::Object{}};
  for (const auto& [name, text] : texts) object.set(name, text);
  value.set(key, std::move(object));
}

Texts texts_of(const char* key, const Value& value) {
  Texts texts;
  const Value* found = value.find(key);
  if (found == nullptr || found->object() == nullptr) return texts;
  for (const auto& [name, text] : *found->object()) texts[name] = text.text() != nullptr ? *text.text() : "";
  return texts;
}

}  // namespace

std::optional<Mode> mode_of(std::string_view text) {
  if (text == "train") return Mode::train;
  if (text == "eval") return Mode::eval;
  return std::nullopt;
}
std::optional<Stage> stage_of(std::string_view text) {
  if (text == "selected") return Stage::selected;
  if (text == "dispatched") return Stage::dispatched;
  return std::nullopt;
}
std::optional<TokenOrder> order_of(std::string_view text) {
  if (text == batch_major) return TokenOrder::batch_major;
  if (text == sequence_major) return TokenOrder::sequence_major;
  return std::nullopt;
}

Value to_value(const input::TraceOptions& options) {
  Value value{Value::Object{}};
  if (options.batch) value.set("batch", *options.batch);
  if (options.order) {
    value.set("layout",
              std::string(*options.order == TokenOrder::batch_major ? batch_major : sequence_major));
  }
  if (!options.shape.empty()) value.set("shape", Value::Array(options.shape.begin(), options.shape.end()));
  if (options.mode) value.set("mode", std::string(name(*options.mode)));
  if (options.stage) value.set("stage", std::string(name(*options.stage)));
  if (options.compute) value.set("compute", std::string(input::compute_name(*options.compute)));
  if (options.top_k) value.set("top_k", *options.top_k);
  if (options.experts) value.set("experts", *options.experts);
  set_texts("map", options.map, value);
  return value;
}

Expected<input::TraceOptions> trace_options_from(const Value& value) {
  input::TraceOptions options;
  options.batch = positive(value.integer("batch"));
  options.order = order_of(value.text_or("layout", ""));
  options.mode = mode_of(value.text_or("mode", ""));
  options.stage = stage_of(value.text_or("stage", ""));
  options.compute = input::compute_type(value.text_or("compute", ""));
  options.top_k = positive(value.integer("top_k"));
  options.experts = positive(value.integer("experts"));
  if (const Value* shape = value.find("shape"); shape != nullptr) {
    const auto* array = shape->array();
    if (array == nullptr) return input_error("the report's subject.options.shape is not a list");
    for (const Value& size : *array) {
      const auto number = positive(size.integer());
      if (!number) return input_error("the report's subject.options.shape holds something other than sizes");
      options.shape.push_back(*number);
    }
  }
  options.map = texts_of("map", value);
  return options;
}

std::optional<std::string> given(const CheckpointOptions& options) {
  if (!options.rule.empty()) return "--rule";
  if (!options.family.empty()) return "--as";
  if (!options.causal_baseline.empty()) return "--twin";
  if (!options.tokens.empty()) return "--tokens";
  if (!options.text.empty()) return "--text";
  if (options.positions > 0) return "--positions";
  if (options.limit > 0.0) return "--limit";
  if (options.budget > 0) return "--budget";
  if (options.precision != "float32") return "--precision";
  if (!options.record.empty()) return "--record";
  return std::nullopt;
}

void add_to_value(const CheckpointOptions& options, Value& value) {
  if (!options.rule.empty()) value.set("rule", options.rule);
  if (!options.family.empty()) value.set("as", options.family);
  if (!options.causal_baseline.empty()) value.set("twin", options.causal_baseline);
  if (!options.tokens.empty()) value.set("tokens", options.tokens);
  if (!options.text.empty()) value.set("text", options.text);
  if (options.positions > 0) value.set("positions", options.positions);
  if (options.limit > 0.0) value.set("limit", options.limit);
  if (options.budget > 0) value.set("budget", options.budget);
  if (options.precision == "bfloat16") value.set("precision", options.precision);
}

CheckpointOptions checkpoint_options_from(const Value& value) {
  CheckpointOptions options;
  options.rule = value.text_or("rule", "");
  options.family = value.text_or("as", "");
  options.causal_baseline = value.text_or("twin", "");
  options.tokens = value.text_or("tokens", "");
  options.text = value.text_or("text", "");
  options.positions = positive(value.integer("positions")).value_or(0);
  if (const auto limit = value.number("limit"); limit && *limit > 0.0 && *limit < 1.0) options.limit = *limit;
  options.budget = positive(value.integer("budget")).value_or(0);
  if (value.text_or("precision", "") == "bfloat16") options.precision = "bfloat16";
  return options;
}

void add_to_value(const TagFiles& tags, Value& value) { set_texts("tags", tags, value); }
TagFiles tag_files_from(const Value& value) { return texts_of("tags", value); }

bool is_checkpoint(const std::filesystem::path& path) {
  std::error_code error;
  return checkpoint::is_gguf(path) ||
         (std::filesystem::is_directory(path, error) && std::filesystem::exists(path / "config.json", error));
}

Expected<void> refuse_part_of_checkpoint(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  const bool part = name == "config.json" || name == "model.safetensors.index.json" ||
                    (name.starts_with("model") && name.ends_with(".safetensors"));
  const std::filesystem::path directory = path.has_parent_path() ? path.parent_path() : ".";
  if (!part || !is_checkpoint(directory)) return {};
  return usage_error(fmt::format("{}: is a part of a checkpoint; give its directory, {}", path.string(),
                                 directory.string()));
}

}  // namespace pastonly::session
