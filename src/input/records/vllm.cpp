#include <fmt/format.h>

#include "input/records/record_formats.h"
#include "input/text/printable.h"

namespace pastonly::input {

namespace {

/// Two parts of one sequence as nested lists have them: prompt and generation.
Expected<RoutedRows> joined(const RoutedRows& prompt, const RoutedRows& generated, const std::string& label) {
  if (prompt.layers != generated.layers || prompt.choices != generated.choices ||
      prompt.type != generated.type)
    return input_error(label + ": prompt_routed_experts has other layers or choices than routed_experts");
  std::vector<std::byte> bytes(prompt.bytes.begin(), prompt.bytes.end());
  bytes.insert(bytes.end(), generated.bytes.begin(), generated.bytes.end());
  return rows_of_bytes(std::move(bytes), prompt.type, prompt.layers, prompt.choices, label);
}

class VllmReader {
 public:
  VllmReader(const std::string& path, const TraceOptions& options) : path_(path), options_(options) {}
  Expected<void> add(const RecordDocument& document);
  Expected<TensorFile> finish();

 private:
  Expected<void> add_choice(const Json& response, const Json& choice, const std::string& label);
  tl::unexpected<Error> fail(const std::string& label, std::string_view why) const {
    return input_error(printable(fmt::format("{}: {}: {}", path_, label, why)));
  }

  const std::string& path_;
  const TraceOptions& options_;
  std::vector<RecordedSequence> sequences_;
  std::size_t without_ = 0;  ///< choices without decisions: aborted before they ran
};

Expected<void> VllmReader::add(const RecordDocument& document) {
  const Json* choices = value_at(&document.json, "choices");
  if (choices == nullptr || !choices->is_array()) return fail(document.place, "expected a list of choices");
  for (std::size_t i = 0; i < choices->size(); ++i) {
    const auto label = fmt::format("{}{}choices[{}]", document.place, document.place.empty() ? "" : ": ", i);
    if (auto added = add_choice(document.json, (*choices)[i], label); !added) return added;
  }
  return {};
}

Expected<void> VllmReader::add_choice(const Json& response, const Json& choice, const std::string& label) {
  const Json* kept = value_at(&choice, "routed_experts");
  const Json* prompt_rows = value_at(&response, "prompt_routed_experts");
  if (kept == nullptr) {
    ++without_;
    return {};
  }
  RecordedSequence sequence{label, {}, 0, {}};
  auto rows = rows_of_json(*kept, fmt::format("{}: {}.routed_experts", path_, label));
  if (!rows) return tl::unexpected(rows.error());
  sequence.routed = std::move(*rows);

  const Json* prompt = value_at(&choice, "prompt_token_ids");  // completions; chat has it beside the choices
  if (prompt == nullptr) prompt = value_at(&response, "prompt_token_ids");
  const auto prompt_ids = whole_numbers(prompt), generated = whole_numbers(value_at(&choice, "token_ids"));
  if (prompt_ids && generated) {
    sequence.tokens = *prompt_ids;
    sequence.tokens.insert(sequence.tokens.end(), generated->begin(), generated->end());
  }
  if (prompt_rows != nullptr) {
    const auto before = rows_of_json(*prompt_rows, fmt::format("{}: prompt_routed_experts", path_));
    if (!before) return tl::unexpected(before.error());
    if (prompt_ids && before->rows != prompt_ids->size())
      return fail(label, fmt::format("prompt_routed_experts of {} tokens, and the prompt has {}",
                                     before->rows, prompt_ids->size()));
    auto both = joined(*before, sequence.routed, fmt::format("{}: {}", path_, label));
    if (!both) return tl::unexpected(both.error());
    sequence.routed = std::move(*both);
  } else if (!sequence.tokens.empty() && sequence.routed.rows + 1 < sequence.tokens.size()) {
    // routed_experts_prompt_start left the beginning out; the end is always there but for the last token.
    sequence.first = sequence.tokens.size() - 1 - sequence.routed.rows;
    if (sequence.first > prompt_ids->size())
      return fail(label, fmt::format("routed_experts of {} tokens, and {} tokens after a prompt of {}",
                                     sequence.routed.rows, generated->size(), prompt_ids->size()));
  }
  sequences_.push_back(std::move(sequence));
  return {};
}

Expected<TensorFile> VllmReader::finish() {
  if (sequences_.empty())
    return input_error(path_ +
                       ": no choice holds routed_experts; start vLLM with --enable-return-routed-experts");
  auto file = batch_of(path_, sequences_, options_);
  if (!file) return file;
  file->metadata = {{"mode", "eval"}, {"stage", "selected"}};
  file->reading = fmt::format(
      "read as responses of vLLM, {} sequences{}{}", sequences_.size(),
      without_ > 0 ? fmt::format("; {} choices without routed_experts are left out", without_) : "",
      file->find("tokens") == nullptr ? "; without token ids (ask for return_token_ids)" : "");
  return file;
}

}  // namespace

bool is_vllm(const Json& document) noexcept { return value_at(&document, "choices") != nullptr; }

Expected<TensorFile> read_vllm(const std::string& path, const RecordDocuments& documents,
                               const TraceOptions& options) {
  if (auto fits = no_shape_for(path, options); !fits) return tl::unexpected(fits.error());
  VllmReader reader(path, options);
  for (const auto& document : documents) {
    if (auto added = reader.add(document); !added) return tl::unexpected(added.error());
  }
  return reader.finish();
}

}  // namespace pastonly::input
