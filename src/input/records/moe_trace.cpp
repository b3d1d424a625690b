#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "input/records/record_formats.h"
#include "input/text/printable.h"

namespace pastonly::input {

namespace {

constexpr std::size_t most_choices = 65'536;

/// "-3,0,12,45": a position, a layer, and expert ids. nullopt where the line is none.
std::optional<std::vector<std::int64_t>> numbers_of(std::string_view line) {
  std::vector<std::int64_t> out;
  if (line.ends_with('\r')) line.remove_suffix(1);
  while (true) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    if (error != std::errc{}) return std::nullopt;
    out.push_back(number);
    line.remove_prefix(static_cast<std::size_t>(end - line.data()));
    if (line.empty()) break;
    if (line.front() != ',') return std::nullopt;
    line.remove_prefix(1);
  }
  if (out.size() < 3 || out.size() > most_choices || out[1] < 0 || out[1] > 100'000) return std::nullopt;
  return out;
}

/// The rows of one layer, in the order in which tokens were run.
struct LayerRows {
  std::size_t prompt = 0, generated = 0;
  std::vector<std::int64_t> ids;
};

}  // namespace

bool is_moe_trace(std::string_view text) noexcept {
  return !text.empty() &&
         numbers_of(text.substr(0, std::min(text.find('\n'), std::size_t{1} << 16))).has_value();
}

Expected<TensorFile> read_moe_trace(const std::string& path, std::string_view text,
                                    const TraceOptions& options) {
  const auto fail = [&](std::size_t line, std::string_view why) {
    return input_error(printable(fmt::format("{}: line {}: {}", path, line, why)));
  };
  if (auto fits = no_shape_for(path, options); !fits) return tl::unexpected(fits.error());
  std::map<std::int64_t, LayerRows> layers;
  std::size_t choices = 0, number = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() && text.empty()) break;
    const auto values = numbers_of(line);
    if (!values) return fail(number, "expected position,layer,expert,expert,...");
    if (choices == 0) choices = values->size() - 2;
    if (values->size() - 2 != choices)
      return fail(number, fmt::format("{} experts, expected {} as in line 1", values->size() - 2, choices));
    LayerRows& layer = layers[(*values)[1]];
    // Positions of the prompt are negative, and count up or down, by version: the order of rows tells tokens.
    const bool prompt = (*values)[0] < 0;
    if (prompt && layer.generated > 0) return fail(number, "a prompt token after generated ones");
    ++(prompt ? layer.prompt : layer.generated);
    layer.ids.insert(layer.ids.end(), values->begin() + 2, values->end());
  }
  std::size_t prompt = 0, generated = 0;
  for (const auto& [index, layer] : layers) {
    prompt = std::max(prompt, layer.prompt);
    generated = std::max(generated, layer.generated);
  }
  // llama.cpp runs the last layer for those prompt tokens alone whose logits are asked for.
  std::vector<std::int64_t> kept, short_layers;
  for (const auto& [index, layer] : layers) {
    if (layer.generated != generated)
      return input_error(
          fmt::format("{}: layer {} holds {} generated tokens, and others {}; the file is cut off", path,
                      index, layer.generated, generated));
    (layer.prompt == prompt ? kept : short_layers).push_back(index);
  }
  if (short_layers.size() > 1)
    return input_error(
        fmt::format("{}: layers {} hold fewer prompt tokens than others, {}; the file is cut off", path,
                    fmt::join(short_layers, ", "), prompt));
  auto file = [&]() -> Expected<TensorFile> {
    const std::size_t rows = prompt + generated;
    std::vector<std::byte> bytes;
    bytes.reserve(rows * kept.size() * choices * sizeof(std::int64_t));
    for (std::size_t row = 0; row < rows; ++row) {
      for (const auto index : kept) {
        const auto ids = std::as_bytes(std::span(layers[index].ids).subspan(row * choices, choices));
        bytes.insert(bytes.end(), ids.begin(), ids.end());
      }
    }
    auto routed = rows_of_bytes(std::move(bytes), DType::i64, kept.size(), choices, path);
    if (!routed) return tl::unexpected(routed.error());
    return batch_of(path, {{"its rows", {}, 0, std::move(*routed)}}, options);
  }();
  if (!file) return file;
  for (std::size_t i = 0; i < kept.size(); ++i)
    file->tensors[i].name = fmt::format("layers.{}.experts", kept[i]);
  file->metadata = {{"mode", "eval"}, {"stage", "selected"}};
  file->reading = fmt::format(
      "read as the trace of llama-moe-trace, {} prompt tokens and {} generated ones, one sequence without "
      "token "
      "ids{}",
      prompt, generated,
      short_layers.empty() ? ""
                           : fmt::format("; layer {} was not run for all of the prompt and is left out",
                                         short_layers.front()));
  return file;
}

}  // namespace pastonly::input
