#include "cli/trace_options.h"

#include <fmt/format.h>

#include "cli/validators.h"

namespace pastonly::cli {
namespace {

constexpr std::string_view batch_major = "batch-major";
constexpr std::string_view sequence_major = "sequence-major";

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

std::optional<std::size_t> positive(std::optional<std::int64_t> number) {
  if (!number || *number <= 0) return std::nullopt;
  return static_cast<std::size_t>(*number);
}

}  // namespace

void add_trace_options(CLI::App& command, TraceArguments& arguments) {
  constexpr const char* group = "What a foreign file does not say";
  command.add_option("--batch", arguments.batch, "Sequences in a flattened array; of a checkpoint's batch")
      ->type_name("N")
      ->check(positive_whole())
      ->group(group);
  command.add_option("--layout", arguments.layout, "Order in which the router saw the tokens")
      ->type_name("ORDER")
      ->check(CLI::IsMember({std::string(batch_major), std::string(sequence_major)}))
      ->group(group);
  command.add_option("--shape", arguments.shape, "Shape of a raw int32 file: TOKENS,LAYERS,K")
      ->delimiter(',')
      ->type_name("N,N,N")
      ->check(positive_whole())
      ->group(group);
  command.add_option("--mode", arguments.mode, "Routing in force: train or eval")
      ->type_name("MODE")
      ->check(CLI::IsMember({"train", "eval"}))
      ->group(group);
  command.add_option("--stage", arguments.stage, "Masks before or after drops: selected or dispatched")
      ->type_name("STAGE")
      ->check(CLI::IsMember({"selected", "dispatched"}))
      ->group(group);
  command.add_option("--top-k", arguments.top_k, "Select the K best where only scores were kept")
      ->type_name("N")
      ->check(positive_whole())
      ->group(group);
  command.add_option("--experts", arguments.experts, "Experts per layer, where only expert ids were kept")
      ->type_name("N")
      ->check(positive_whole())
      ->group(group);
  command
      .add_option("--map", arguments.map,
                  "Which array is what: tokens, valid, logprobs, mask, experts, scores, logits, gates, bias")
      ->type_name("KEY=NAME,...")
      ->delimiter(',')
      ->group(group);
}

Expected<input::TraceOptions> parse(const TraceArguments& arguments) {
  input::TraceOptions options;
  if (arguments.batch > 0) options.batch = arguments.batch;
  options.order = order_of(arguments.layout);
  options.shape = arguments.shape;
  options.mode = mode_of(arguments.mode);
  options.stage = stage_of(arguments.stage);
  if (arguments.top_k > 0) options.top_k = arguments.top_k;
  if (arguments.experts > 0) options.experts = arguments.experts;
  for (const std::string& entry : arguments.map) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == entry.size()) {
      return usage_error(fmt::format("--map {}: expected KEY=NAME, for example scores=router_probs", entry));
    }
    if (!options.map.emplace(entry.substr(0, equals), entry.substr(equals + 1)).second) {
      return usage_error(fmt::format("--map {}: {} is given twice", entry, entry.substr(0, equals)));
    }
  }
  return options;
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
  if (options.top_k) value.set("top_k", *options.top_k);
  if (options.experts) value.set("experts", *options.experts);
  if (!options.map.empty()) {
    Value map{Value::Object{}};
    for (const auto& [key, tensor] : options.map) map.set(key, tensor);
    value.set("map", std::move(map));
  }
  return value;
}

Expected<input::TraceOptions> trace_options_from(const Value& value) {
  input::TraceOptions options;
  options.batch = positive(value.integer("batch"));
  options.order = order_of(value.text_or("layout", ""));
  options.mode = mode_of(value.text_or("mode", ""));
  options.stage = stage_of(value.text_or("stage", ""));
  options.top_k = positive(value.integer("top_k"));
  options.experts = positive(value.integer("experts"));
  if (const Value* shape = value.find("shape"); shape != nullptr) {
    const auto* array = shape->array();
    if (array == nullptr) return input_error("the report's subject.options.shape is no list");
    for (const Value& size : *array) {
      const auto number = positive(size.integer());
      if (!number) return input_error("the report's subject.options.shape holds something else than sizes");
      options.shape.push_back(*number);
    }
  }
  if (const Value* map = value.find("map"); map != nullptr) {
    if (const auto* object = map->object()) {
      for (const auto& [key, tensor] : *object)
        options.map[key] = tensor.text() != nullptr ? *tensor.text() : "";
    }
  }
  return options;
}

}  // namespace pastonly::cli
