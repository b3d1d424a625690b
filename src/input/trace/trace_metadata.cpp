#include "input/trace/trace_metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace pastonly::input {

namespace {

constexpr std::string_view schema = "pastonly.trace/1";

const std::string* value_of(const TensorFile& file, std::string_view key) {
  const auto at = file.metadata.find(std::string(key));
  return at == file.metadata.end() ? nullptr : &at->second;
}

tl::unexpected<Error> bad_value(const TensorFile& file, std::string_view key, std::string_view value,
                                std::string_view expected) {
  return input_error(
      fmt::format("{}: __metadata__ {} is '{}', expected {}", file.path, key, value.substr(0, 60), expected));
}

/// One of two named values from the file, the flag, or neither; they must not contradict each other.
template <class T>
Expected<std::optional<T>> either(const TensorFile& file, std::string_view key, std::optional<T> given, T a,
                                  T b) {
  const std::string* text = value_of(file, key);
  if (text == nullptr) return given;
  std::optional<T> stated;
  if (*text == name(a)) stated = a;
  if (*text == name(b)) stated = b;
  if (!stated) return bad_value(file, key, *text, fmt::format("{} or {}", name(a), name(b)));
  if (given && *given != *stated) {
    return usage_error(fmt::format("--{} {}: {} says {}", key, name(*given), file.path, *text));
  }
  return stated;
}

Expected<std::optional<std::uint64_t>> vocabulary(const TensorFile& file) {
  const std::string* text = value_of(file, "vocab");
  if (text == nullptr) return std::optional<std::uint64_t>{};
  std::uint64_t vocab = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), vocab);
  if (error != std::errc{} || end != text->data() + text->size() || vocab == 0 || vocab > (1ull << 62)) {
    return bad_value(file, "vocab", *text, "a positive whole number");
  }
  return std::optional(vocab);
}

constexpr std::pair<std::string_view, DType> compute_types[] = {
    {"bfloat16", DType::bf16}, {"float16", DType::f16}, {"float32", DType::f32}, {"float64", DType::f64}};

Expected<std::optional<DType>> computed_in(const TensorFile& file, std::optional<DType> given) {
  const std::string* text = value_of(file, "compute");
  if (text == nullptr) return given;
  const auto stated = compute_type(*text);
  if (!stated) return bad_value(file, "compute", *text, compute_words);
  if (given && *given != *stated)
    return usage_error(fmt::format("--compute {}: {} says {}", compute_name(*given), file.path, *text));
  return stated;
}

}  // namespace

std::optional<DType> compute_type(std::string_view word) noexcept {
  for (const auto& [name, type] : compute_types) {
    if (name == word) return type;
  }
  return std::nullopt;
}

std::string_view compute_name(DType type) noexcept {
  for (const auto& [name, one] : compute_types) {
    if (one == type) return name;
  }
  return "";
}

std::string_view name(TokenOrder order) noexcept {
  return order == TokenOrder::batch_major ? "batch-major" : "sequence-major";
}

Expected<TraceMetadata> read_metadata(const TensorFile& file, const TraceOptions& options) {
  if (const std::string* stated = value_of(file, "schema");
      stated != nullptr && *stated != schema && options.map.empty()) {
    return bad_value(file, "schema", *stated,
                     fmt::format("{}; name the arrays of other files with --map", schema));
  }
  const auto mode = either(file, "mode", options.mode, Mode::train, Mode::eval);
  if (!mode) return tl::unexpected(mode.error());
  const auto stage = either(file, "stage", options.stage, Stage::selected, Stage::dispatched);
  if (!stage) return tl::unexpected(stage.error());
  const auto order =
      either(file, "layout", options.order, TokenOrder::batch_major, TokenOrder::sequence_major);
  if (!order) return tl::unexpected(order.error());
  const auto compute = computed_in(file, options.compute);
  if (!compute) return tl::unexpected(compute.error());
  const auto vocab = vocabulary(file);
  if (!vocab) return tl::unexpected(vocab.error());

  TraceMetadata metadata;
  metadata.mode = mode->value_or(Mode::unknown);
  metadata.stage = stage->value_or(Stage::unknown);
  metadata.order = *order;
  metadata.vocab = *vocab;
  metadata.compute = *compute;
  if (const std::string* rule = value_of(file, "rule")) metadata.rule = *rule;
  if (const std::string* producer = value_of(file, "producer")) metadata.producer = *producer;
  for (const auto& [key, value] : file.metadata) {
    if (value_of(file, "schema") != nullptr && std::ranges::find(metadata_keys, key) == metadata_keys.end())
      metadata.unknown.push_back(key);
  }
  return metadata;
}

}  // namespace pastonly::input
