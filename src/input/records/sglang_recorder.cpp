#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "input/records/record_formats.h"
#include "input/records/record_values.h"
#include "input/text/printable.h"

namespace pastonly::input {

namespace {

constexpr std::string_view per_token =
    "start SGLang with --expert-distribution-recorder-mode per_token to keep the decisions of every token";
constexpr std::size_t most_logical_experts = 65'536;

/// What one forward pass kept.
struct Pass {
  std::vector<std::int64_t> ids;  // (layers, tokens, columns), physical
  std::size_t layers = 0, tokens = 0, columns = 0;
  std::vector<std::int64_t> input_ids;
  std::vector<std::int64_t> lengths;  ///< of the sequences of a prefill; empty for a decode step
};

class RecorderReader {
 public:
  RecorderReader(const TorchFile& file, const TraceOptions& options) : file_(file), options_(options) {}
  Expected<TensorFile> read();

 private:
  tl::unexpected<Error> fail(std::string_view where, std::string_view why) const {
    return input_error(printable(fmt::format("{}: {}: {}", file_.path, where, why)));
  }
  Expected<void> read_map(const PickleObject& root);
  Expected<Pass> read_pass(const PickleValue& record, const std::string& label) const;
  Expected<void> add(const Pass& pass, std::size_t first, std::size_t count, const std::string& label);

  const TorchFile& file_;
  const TraceOptions& options_;
  std::vector<std::int64_t> logical_;  // (layers, physical experts)
  std::size_t map_layers_ = 0, physical_ = 0, experts_ = 0;
  std::size_t choices_ = 0;
  std::vector<RecordedSequence> sequences_;
};

Expected<void> RecorderReader::read_map(const PickleObject& root) {
  constexpr std::string_view key = "last_physical_to_logical_map";
  const auto* value = find_key(root, key);
  const auto* map = value == nullptr ? nullptr : object_of(*value, ObjectKind::tensor);
  if (map == nullptr || map->tensor.shape.size() != 2 || !is_integer(map->tensor))
    return fail(key, fmt::format("expected a tensor of integers (layers, physical experts), found {}",
                                 value == nullptr ? "nothing" : describe(*value)));
  map_layers_ = map->tensor.shape[0];
  physical_ = map->tensor.shape[1];
  logical_ = integers_of(map->tensor);
  for (const std::int64_t id : logical_) {
    if (id < 0 || id >= static_cast<std::int64_t>(most_logical_experts))
      return fail(key, fmt::format("holds {}", id));
    experts_ = std::max(experts_, static_cast<std::size_t>(id) + 1);
  }
  return {};
}

Expected<Pass> RecorderReader::read_pass(const PickleValue& record, const std::string& label) const {
  const auto* dict = object_of(record, ObjectKind::dict);
  if (dict == nullptr) return fail(label, "expected a dict");
  const auto* kept = find_key(*dict, "topk_ids_of_layer");
  if (kept == nullptr) return fail(label, fmt::format("holds counts alone; {}", per_token));
  const auto* ids = object_of(*kept, ObjectKind::tensor);
  if (ids == nullptr || ids->tensor.shape.size() != 3 || !is_integer(ids->tensor))
    return fail(label, "topk_ids_of_layer: expected a tensor of integers (layers, tokens, choices), found " +
                           describe(*kept));
  Pass pass;
  const auto& shape = ids->tensor.shape;
  pass.layers = shape[0];
  pass.tokens = shape[1];
  pass.columns = shape[2];
  if (pass.layers != map_layers_)
    return fail(label,
                fmt::format("topk_ids_of_layer of {} layers, and the map has {}", pass.layers, map_layers_));
  pass.ids = integers_of(ids->tensor);
  const auto* tokens = find_key(*dict, "input_ids");
  auto input_ids = tokens == nullptr ? std::nullopt : whole_numbers(*tokens);
  if (!input_ids || input_ids->size() != pass.tokens)
    return fail(label, fmt::format("input_ids: expected {} token ids", pass.tokens));
  pass.input_ids = std::move(*input_ids);
  const auto* lengths = find_key(*dict, "extend_seq_lens");
  const auto numbers = lengths == nullptr ? std::nullopt : whole_numbers(*lengths);
  if (!numbers || numbers->empty()) return pass;
  std::size_t sum = 0;
  for (const std::int64_t length : *numbers) {
    if (length < 0 || static_cast<std::size_t>(length) > pass.tokens - sum)
      return fail(label, "extend_seq_lens do not add up to its tokens");
    sum += static_cast<std::size_t>(length);
  }
  // Decode steps may keep the lengths of the prefill before them.
  if (sum == pass.tokens) pass.lengths = *numbers;
  return pass;
}

Expected<void> RecorderReader::add(const Pass& pass, std::size_t first, std::size_t count,
                                   const std::string& label) {
  std::vector<std::int32_t> out;
  out.reserve(count * pass.layers * choices_);
  for (std::size_t token = first; token < first + count; ++token) {
    for (std::size_t layer = 0; layer < pass.layers; ++layer) {
      const auto row = std::span(pass.ids).subspan((layer * pass.tokens + token) * pass.columns, choices_);
      for (const std::int64_t id : row) {
        if (id >= static_cast<std::int64_t>(physical_))
          return fail(label, fmt::format("layer {} names physical expert {} of {}", layer, id, physical_));
        out.push_back(
            id < 0 ? -1
                   : static_cast<std::int32_t>(logical_[layer * physical_ + static_cast<std::size_t>(id)]));
      }
    }
  }
  const auto bytes = std::as_bytes(std::span(out));
  auto routed = rows_of_bytes({bytes.begin(), bytes.end()}, DType::i32, pass.layers, choices_, label);
  if (!routed) return tl::unexpected(routed.error());
  const auto tokens = pass.input_ids.begin() + static_cast<std::ptrdiff_t>(first);
  sequences_.push_back({label, {tokens, tokens + static_cast<std::ptrdiff_t>(count)}, 0, std::move(*routed)});
  return {};
}

Expected<TensorFile> RecorderReader::read() {
  const auto& root = *object_of(file_.pickle->root, ObjectKind::dict);
  if (find_key(root, "logical_count") != nullptr)
    return fail("logical_count", fmt::format("is the number of tokens of each expert (mode stat), which says "
                                             "nothing of single tokens; {}",
                                             per_token));
  if (auto map = read_map(root); !map) return tl::unexpected(map.error());
  const auto* records = object_of(*find_key(root, "records"), ObjectKind::list);
  if (records == nullptr) return fail("records", "expected a list");
  std::vector<Pass> passes;
  for (std::size_t i = 0; i < records->items.size(); ++i) {
    auto pass = read_pass(records->items[i], fmt::format("records[{}]", i));
    if (!pass) return tl::unexpected(pass.error());
    // The recorder keeps eight columns and fills those beyond the model's choices with -1.
    for (std::size_t at = 0; at < pass->ids.size(); ++at)
      if (pass->ids[at] >= 0) choices_ = std::max(choices_, at % pass->columns + 1);
    passes.push_back(std::move(*pass));
  }
  if (choices_ == 0) return fail("records", "hold no decision");
  const bool prefills = std::ranges::any_of(passes, [](const Pass& pass) { return !pass.lengths.empty(); });
  std::size_t left_out = 0;
  for (std::size_t i = 0; i < passes.size(); ++i) {
    const Pass& pass = passes[i];
    if (pass.columns < choices_)
      return fail(fmt::format("records[{}]", i), "holds fewer choices than others");
    if (prefills && pass.lengths.empty()) {
      left_out += pass.tokens;
      continue;
    }
    std::size_t first = 0;
    const auto lengths = prefills ? pass.lengths : std::vector{static_cast<std::int64_t>(pass.tokens)};
    for (const std::int64_t length : lengths) {
      const auto count = static_cast<std::size_t>(length);
      if (count == 0) continue;
      if (auto added = add(pass, first, count, fmt::format("records[{}]", i)); !added)
        return tl::unexpected(added.error());
      first += count;
    }
  }
  auto out = batch_of(file_.path, sequences_, options_);
  if (!out) return out;
  out->metadata = {{"mode", "eval"}, {"stage", "selected"}};
  out->experts = experts_;
  out->reading = fmt::format(
      "read as SGLang's expert distribution, {}, physical experts as the logical ones of the last map{}",
      prefills ? fmt::format("{} prefilled sequences", sequences_.size())
               : fmt::format("{} decode steps, whose tokens are of several requests", sequences_.size()),
      left_out > 0 ? fmt::format("; {} tokens of decode steps, which name no request, are left out", left_out)
                   : "");
  return out;
}

}  // namespace

bool is_sglang_recorder(const PickleValue& root) noexcept {
  const auto* dict = object_of(root, ObjectKind::dict);
  return dict != nullptr && (find_key(*dict, "logical_count") != nullptr ||
                             (find_key(*dict, "records") != nullptr &&
                              find_key(*dict, "last_physical_to_logical_map") != nullptr));
}

Expected<TensorFile> read_sglang_recorder(const TorchFile& file, const TraceOptions& options) {
  return RecorderReader(file, options).read();
}

}  // namespace pastonly::input
