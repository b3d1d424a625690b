#include <fmt/format.h>

#include "input/records/record_formats.h"
#include "input/text/printable.h"

namespace pastonly::input {

namespace {

/// The token ids of [[log-probability, id, text], ...].
std::optional<std::vector<std::int64_t>> ids_of_log_probs(const Json* list) {
  if (list == nullptr || !list->is_array()) return std::nullopt;
  std::vector<std::int64_t> out;
  for (const Json& entry : *list) {
    if (!entry.is_array() || entry.size() < 2 || !entry[1].is_number_integer()) return std::nullopt;
    out.push_back(entry[1].get<std::int64_t>());
  }
  return out;
}

std::optional<DType> wire_type(const Json* name) {
  if (name == nullptr) return DType::i32;  // versions that had no other
  if (*name == "int32") return DType::i32;
  if (*name == "uint16") return DType::u16;
  if (*name == "uint8") return DType::u8;
  return std::nullopt;
}

class SglangReader {
 public:
  SglangReader(const std::string& path, const TraceOptions& options) : path_(path), options_(options) {}
  Expected<void> add(const RecordDocument& document);
  Expected<TensorFile> finish();

 private:
  /// `info` holds routed_experts; `counts` the numbers of tokens.
  Expected<void> add_response(const Json& response, const Json& info, const Json& counts,
                              const std::string& label);
  Expected<RoutedRows> rows(const Json& info, std::optional<std::size_t> expected, const std::string& label);
  tl::unexpected<Error> fail(const std::string& label, std::string_view why) const {
    return input_error(printable(fmt::format("{}: {}{}{}", path_, label, label.empty() ? "" : ": ", why)));
  }

  const std::string& path_;
  const TraceOptions& options_;
  std::vector<RecordedSequence> sequences_;
};

Expected<RoutedRows> SglangReader::rows(const Json& info, std::optional<std::size_t> expected,
                                        const std::string& label) {
  const Json* text = value_at(&info, "routed_experts");
  auto bytes = text != nullptr && text->is_string() ? decode_base64(text->get_ref<const std::string&>())
                                                    : std::nullopt;
  if (!bytes) return fail(label, "routed_experts: expected base64 of expert ids");
  const auto type = wire_type(value_at(&info, "routed_experts_dtype"));
  if (!type) return fail(label, "routed_experts_dtype: expected int32, uint16 or uint8");
  const auto& shape = options_.shape;
  if (shape.size() != 2 && shape.size() != 3) {
    const std::size_t ids = bytes->size() / size_of(*type);
    return usage_error(
        printable(fmt::format("{}: {}: routed_experts are {} flat ids{}; give layers and choices with "
                              "--shape LAYERS,CHOICES (layers as "
                              "the model's num_hidden_layers, choices as its num_experts_per_tok)",
                              path_, label, ids,
                              expected && *expected > 0 && ids % *expected == 0
                                  ? fmt::format(", {} for each of {} tokens", ids / *expected, *expected)
                                  : "")));
  }
  return rows_of_bytes(std::move(*bytes), *type, shape[shape.size() - 2], shape.back(),
                       fmt::format("{}: {}: routed_experts", path_, label));
}

Expected<void> SglangReader::add_response(const Json& response, const Json& info, const Json& counts,
                                          const std::string& label) {
  const auto prompt = count_under(&counts, "prompt_tokens"),
             generated = count_under(&counts, "completion_tokens");
  const std::size_t start = count_under(&info, "routed_experts_start_len").value_or(0);
  std::optional<std::size_t> tokens, expected;
  if (prompt && generated && *prompt + *generated > start) {
    tokens = *prompt + *generated;
    expected = *tokens - 1 - start;  // the last token was sampled and not run
  }
  auto routed = rows(info, expected, label);
  if (!routed) return tl::unexpected(routed.error());
  // A request that ends at a stop string has run its last token too.
  if (expected && routed->rows != *expected && routed->rows != *expected + 1)
    return fail(
        label,
        fmt::format("routed_experts hold {} rows of {} layers with {} choices, expected {}: {} "
                    "prompt and {} generated tokens, from {} on, without the last",
                    routed->rows, routed->layers, routed->choices, *expected, *prompt, *generated, start));
  if (options_.shape.size() == 3 && options_.shape[0] != routed->rows)
    return usage_error(fmt::format("--shape {}: {} holds {} rows of such layers and choices",
                                   fmt::join(options_.shape, ","), path_, routed->rows));
  RecordedSequence sequence{label, {}, start, std::move(*routed)};
  const auto before = ids_of_log_probs(value_at(&info, "input_token_logprobs"));
  auto after = whole_numbers(value_at(&response, "output_ids"));
  if (!after) after = ids_of_log_probs(value_at(&info, "output_token_logprobs"));
  if (before && after && tokens && before->size() + after->size() == *tokens) {
    sequence.tokens = *before;
    sequence.tokens.insert(sequence.tokens.end(), after->begin(), after->end());
  }
  sequences_.push_back(std::move(sequence));
  return {};
}

Expected<void> SglangReader::add(const RecordDocument& document) {
  const Json& json = document.json;
  const std::string& place = document.place;
  if (const Json* info = value_at(&json, "meta_info"))
    return value_at(info, "routed_experts") != nullptr
               ? add_response(json, *info, *info, place.empty() ? "meta_info" : place + ": meta_info")
               : fail(place,
                      "meta_info holds no routed_experts; start SGLang with "
                      "--enable-return-routed-experts and ask with return_routed_experts");
  const Json* choices = value_at(&json, "choices");
  if (const Json* extra = value_at(&json, "sglext"); extra != nullptr && choices != nullptr) {
    const Json* usage = value_at(&json, "usage");
    if (choices->size() != 1)
      return fail(place, "sglext.routed_experts of several choices are not told apart");
    return add_response(json, *extra, usage != nullptr ? *usage : Json::object(),
                        place.empty() ? "sglext" : place + ": sglext");
  }
  if (choices == nullptr || !choices->is_array())
    return fail(place, "expected meta_info, or a list of choices");
  for (std::size_t i = 0; i < choices->size(); ++i) {
    const auto label = fmt::format("{}{}choices[{}].meta_info", place, place.empty() ? "" : ": ", i);
    const Json* info = value_at(&(*choices)[i], "meta_info");
    if (value_at(info, "routed_experts") == nullptr) return fail(label, "holds no routed_experts");
    if (auto added = add_response((*choices)[i], *info, *info, label); !added) return added;
  }
  return {};
}

Expected<TensorFile> SglangReader::finish() {
  auto file = batch_of(path_, sequences_, options_);
  if (!file) return file;
  file->metadata = {{"mode", "eval"}, {"stage", "selected"}};
  file->reading =
      fmt::format("read as responses of SGLang, {} sequences, {} layers with {} choices as --shape says{}",
                  sequences_.size(), sequences_.front().routed.layers, sequences_.front().routed.choices,
                  file->find("tokens") == nullptr
                      ? "; without token ids (ask for return_logprob from logprob_start_len 0)"
                      : "");
  return file;
}

}  // namespace

bool is_sglang(const Json& document) noexcept {
  if (value_at(&document, "meta_info") != nullptr || value_at(&document, "sglext") != nullptr) return true;
  const Json* choices = value_at(&document, "choices");
  return choices != nullptr && choices->is_array() && !choices->empty() &&
         value_at(value_at(&choices->front(), "meta_info"), "routed_experts") != nullptr;
}

Expected<TensorFile> read_sglang(const std::string& path, const RecordDocuments& documents,
                                 const TraceOptions& options) {
  SglangReader reader(path, options);
  for (const auto& document : documents) {
    if (auto added = reader.add(document); !added) return tl::unexpected(added.error());
  }
  return reader.finish();
}

}  // namespace pastonly::input
