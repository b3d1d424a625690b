#include "input/records/read_record.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "input/records/record_formats.h"
#include "input/text/printable.h"

namespace pastonly::input {

namespace {

struct JsonFormat {
  bool (*is)(const Json&) noexcept;
  Expected<TensorFile> (*read)(const std::string&, const RecordDocuments&, const TraceOptions&);
};
/// The first that recognises a document reads it: vLLM's choices are what all the others' are made of.
constexpr JsonFormat json_formats[] = {
    {is_megatron, read_megatron}, {is_sglang, read_sglang}, {is_nemo_rl, read_nemo_rl}, {is_vllm, read_vllm}};

std::string content_of(const Json& json) {
  constexpr std::size_t most = 12, longest = 40;
  if (!json.is_object()) return json.type_name();
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) {
    if (keys.size() < most) keys.push_back(key.substr(0, longest));
  }
  return fmt::format("the keys {}", fmt::join(keys, ", "));
}

Expected<TensorFile> read_json_record(const std::string& path, std::string_view text,
                                      const TraceOptions& options) {
  const auto documents = json_documents(text, path);
  if (!documents) return tl::unexpected(documents.error());
  if (documents->empty()) return input_error(path + ": is JSON and holds nothing");
  const JsonFormat* format = nullptr;
  for (const auto& document : *documents) {
    const auto at = std::find_if(std::begin(json_formats), std::end(json_formats),
                                 [&](const JsonFormat& one) { return one.is(document.json); });
    const std::string where = document.place.empty() ? path : fmt::format("{}: {}", path, document.place);
    if (at == std::end(json_formats))
      return input_error(
          printable(fmt::format("{}: is JSON with {}, and no record of routing that is known (responses of "
                                "vLLM and SGLang, rollouts of "
                                "NeMo-RL, router traces of Megatron-LM)",
                                where, content_of(document.json))));
    if (format != nullptr && format != at)
      return input_error(
          printable(fmt::format("{}: is another kind of record than what stands before", where)));
    format = at;
  }
  return format->read(path, *documents, options);
}

}  // namespace

std::optional<Expected<TensorFile>> read_text_record(const std::string& path, std::string_view text,
                                                     const TraceOptions& options) {
  if (looks_like_json(text)) return read_json_record(path, text, options);
  if (is_moe_trace(text)) return read_moe_trace(path, text, options);
  return std::nullopt;
}

std::optional<Expected<TensorFile>> read_torch_record(const TorchFile& file, const TraceOptions& options) {
  if (is_sglang_recorder(file.pickle->root)) return read_sglang_recorder(file, options);
  if (is_rollouts(file.pickle->root)) return read_rollouts(file, options);
  return std::nullopt;
}

}  // namespace pastonly::input
