#include <fmt/format.h>

#include <charconv>

#include "input/records/record_formats.h"
#include "input/text/printable.h"

namespace pastonly::input {

namespace {

constexpr std::string_view envelope_magic = "nrlre1:";

/// "nrlre1:<type>:<tokens>x<layers>x<choices>:<base64>"
Expected<RoutedRows> rows_of_envelope(std::string_view text, const std::string& label) {
  const auto fail = [&](std::string_view why) {
    return input_error(printable(fmt::format("{}: {}", label, why)));
  };
  constexpr std::string_view form = "expected 'nrlre1:TYPE:TOKENSxLAYERSxCHOICES:BASE64'";
  if (!text.starts_with(envelope_magic)) return fail(form);
  text.remove_prefix(envelope_magic.size());
  const auto type_end = text.find(':');
  const auto shape_end = type_end == text.npos ? text.npos : text.find(':', type_end + 1);
  if (shape_end == text.npos) return fail(form);
  const std::string_view type_name = text.substr(0, type_end);
  std::string_view shape = text.substr(type_end + 1, shape_end - type_end - 1);
  const auto type = type_name == "int8"    ? std::optional(DType::i8)
                    : type_name == "int16" ? std::optional(DType::i16)
                    : type_name == "int32" ? std::optional(DType::i32)
                                           : std::nullopt;
  if (!type)
    return fail(fmt::format("element type '{}', expected int8, int16 or int32", type_name.substr(0, 20)));
  std::vector<std::size_t> sizes;
  while (true) {
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(shape.data(), shape.data() + shape.size(), size);
    if (error != std::errc{}) return fail(form);
    sizes.push_back(size);
    shape.remove_prefix(static_cast<std::size_t>(end - shape.data()));
    if (shape.empty()) break;
    if (shape.front() != 'x') return fail(form);
    shape.remove_prefix(1);
  }
  if (sizes.size() != 3) return fail(form);
  auto bytes = decode_base64(text.substr(shape_end + 1));
  if (!bytes) return fail("is not base64");
  auto rows = rows_of_bytes(std::move(*bytes), *type, sizes[1], sizes[2], label);
  if (rows && rows->rows != sizes[0])
    return fail(fmt::format("declares {} tokens and holds {}", sizes[0], rows->rows));
  return rows;
}

/// What holds tokens and decisions of one whole conversation: a message, or an output item.
Expected<RecordedSequence> sequence_of(const Json& item, const std::string& path, const std::string& label) {
  const auto fail = [&](std::string_view why) {
    return input_error(printable(fmt::format("{}: {}: {}", path, label, why)));
  };
  const Json* kept = value_at(&item, "routed_experts");
  const std::string name = fmt::format("{}: {}.routed_experts", path, label);
  auto rows = kept->is_string() ? rows_of_envelope(kept->get_ref<const std::string&>(), name)
                                : rows_of_json(*kept, name);
  if (!rows) return tl::unexpected(rows.error());
  const auto prompt = whole_numbers(value_at(&item, "prompt_token_ids"));
  const auto generated = whole_numbers(value_at(&item, "generation_token_ids"));
  if (!prompt || !generated) return fail("holds no prompt_token_ids and generation_token_ids");
  RecordedSequence out{label, *prompt, 0, std::move(*rows)};
  out.tokens.insert(out.tokens.end(), generated->begin(), generated->end());
  const std::size_t tokens = out.tokens.size();
  if (tokens < 2 || out.routed.rows + 1 < tokens)
    return fail(fmt::format("routed_experts of {} tokens, and there are {}", out.routed.rows, tokens));
  // The last token was not run: its row, and what follows, names experts 0 to K - 1 to fill the place.
  out.routed.rows = tokens - 1;
  out.routed.bytes = out.routed.bytes.first(out.routed.rows * out.routed.layers * out.routed.choices *
                                            size_of(out.routed.type));
  return out;
}

/// The last output item with decisions: each repeats what was before it.
const Json* last_routed(const Json* items) noexcept {
  const Json* out = nullptr;
  if (items == nullptr || !items->is_array()) return nullptr;
  for (const Json& item : *items) {
    if (value_at(&item, "routed_experts") != nullptr) out = &item;
  }
  return out;
}

}  // namespace

bool is_nemo_rl(const Json& document) noexcept {
  if (value_at(value_at(&document, "response"), "output") != nullptr) return true;
  const Json* choices = value_at(&document, "choices");
  return choices != nullptr && choices->is_array() && !choices->empty() &&
         value_at(value_at(&choices->front(), "message"), "routed_experts") != nullptr;
}

Expected<TensorFile> read_nemo_rl(const std::string& path, const RecordDocuments& documents,
                                  const TraceOptions& options) {
  if (auto fits = no_shape_for(path, options); !fits) return tl::unexpected(fits.error());
  std::vector<RecordedSequence> sequences;
  std::size_t without = 0;
  for (const auto& document : documents) {
    const std::string before = document.place.empty() ? "" : document.place + ": ";
    std::vector<std::pair<const Json*, std::string>> items;
    if (const Json* choices = value_at(&document.json, "choices");
        choices != nullptr && choices->is_array()) {
      for (std::size_t i = 0; i < choices->size(); ++i)
        items.emplace_back(value_at(&(*choices)[i], "message"),
                           fmt::format("{}choices[{}].message", before, i));
    } else {
      items.emplace_back(last_routed(value_at(value_at(&document.json, "response"), "output")),
                         before + "response.output");
    }
    for (const auto& [item, label] : items) {
      if (value_at(item, "routed_experts") == nullptr) {
        ++without;
        continue;
      }
      auto sequence = sequence_of(*item, path, label);
      if (!sequence) return tl::unexpected(sequence.error());
      sequences.push_back(std::move(*sequence));
    }
  }
  if (sequences.empty())
    return input_error(path +
                       ": holds no routed_experts; NeMo-RL returns them under policy.router_replay.enabled");
  auto file = batch_of(path, sequences, options);
  if (!file) return file;
  file->metadata = {{"mode", "eval"}, {"stage", "selected"}};
  file->reading =
      fmt::format("read as rollouts of NeMo-RL, {} sequences{}", sequences.size(),
                  without > 0 ? fmt::format("; {} without routed_experts are left out", without) : "");
  return file;
}

}  // namespace pastonly::input
