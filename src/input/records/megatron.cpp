#include <fmt/format.h>

#include <cstring>
#include <map>

#include "input/files/mapped_file.h"
#include "input/records/record_formats.h"
#include "input/text/printable.h"

namespace pastonly::input {

namespace {

/// One router's decisions in one forward pass.
struct RouterCall {
  std::string place;
  RoutedRows routed;                  // (tokens, 1, choices)
  std::span<const std::byte> logits;  // (tokens, experts) bfloat16; empty where not kept
  std::size_t experts = 0;
};

struct OwnedTrace {
  std::shared_ptr<const MappedFile> logits_file;
  std::vector<std::vector<std::byte>> arrays;
};

class MegatronReader {
 public:
  MegatronReader(const std::string& path, const TraceOptions& options) : path_(path), options_(options) {}
  Expected<void> add(const RecordDocument& document);
  Expected<TensorFile> finish();

 private:
  tl::unexpected<Error> fail(const std::string& place, std::string_view why) const {
    return input_error(printable(fmt::format("{}: {}: {}", path_, place, why)));
  }
  Expected<void> read_logits(const RecordDocument& document, std::size_t tokens, RouterCall& call);
  Expected<void> check_passes();
  void gather(std::string name, DType type, std::size_t columns, const std::vector<RouterCall>& calls,
              bool logits, TensorFile& out);

  const std::string& path_;
  const TraceOptions& options_;
  std::map<std::size_t, std::vector<RouterCall>> layers_;
  std::size_t mtp_ = 0, tokens_ = 0, sequences_ = 1;
  bool logits_missing_ = false;
  std::shared_ptr<OwnedTrace> owned_ = std::make_shared<OwnedTrace>();
};

/// Logits stand in a file beside the trace, named by rank.
Expected<void> MegatronReader::read_logits(const RecordDocument& document, std::size_t tokens,
                                           RouterCall& call) {
  const auto offset = count_under(&document.json, "logit_offset"),
             bytes = count_under(&document.json, "logit_bytes");
  const auto shape = whole_numbers(value_at(&document.json, "logit_shape"));
  if (!offset) return {};
  if (!bytes || !shape || shape->size() != 2 || (*shape)[0] != static_cast<std::int64_t>(tokens) ||
      (*shape)[1] < 1 || (*shape)[1] > 65'536 || *bytes != tokens * static_cast<std::size_t>((*shape)[1]) * 2)
    return fail(document.place, fmt::format("logit_bytes and logit_shape are not those of bfloat16 logits "
                                            "({}, experts)",
                                            tokens));
  const auto rank = count_under(&document.json, "rank");
  if (!rank) return fail(document.place, "rank: expected a whole number");
  const auto beside = std::filesystem::path(path_).parent_path() / fmt::format("logits_rank{}.bin", *rank);
  if (owned_->logits_file == nullptr && !logits_missing_) {
    auto opened = MappedFile::open(beside);
    logits_missing_ = !opened;
    if (opened) owned_->logits_file = std::move(*opened);
  }
  if (logits_missing_) return {};
  const auto all = owned_->logits_file->bytes();
  if (*offset > all.size() || *bytes > all.size() - *offset)
    return fail(document.place, fmt::format("logits at {} to {}, and {} has {} bytes", *offset,
                                            *offset + *bytes, beside.string(), all.size()));
  call.logits = all.subspan(*offset, *bytes);
  call.experts = static_cast<std::size_t>((*shape)[1]);
  return {};
}

Expected<void> MegatronReader::add(const RecordDocument& document) {
  const Json& json = document.json;
  const auto layer = count_under(&json, "layer"), tokens = count_under(&json, "num_tokens"),
             choices = count_under(&json, "topk");
  const Json* ids = value_at(&json, "top_indices");
  if (!layer || *layer > 100'000 || !tokens || !choices || ids == nullptr || !ids->is_array())
    return fail(document.place, "expected layer, num_tokens, topk and top_indices");
  if (value_at(&json, "mtp_idx") != nullptr) {
    ++mtp_;  // its layers share numbers with the decoder's
    return {};
  }
  std::vector<std::byte> bytes;
  for (const Json& row : *ids) {
    const auto numbers = whole_numbers(&row);
    if (!numbers || numbers->size() != *choices)
      return fail(document.place,
                  fmt::format("top_indices: expected {} rows of {} expert ids", *tokens, *choices));
    const auto raw = std::as_bytes(std::span(*numbers));
    bytes.insert(bytes.end(), raw.begin(), raw.end());
  }
  if (ids->size() != *tokens || *tokens == 0 || *choices == 0)
    return fail(document.place,
                fmt::format("top_indices: {} rows, num_tokens says {}", ids->size(), *tokens));
  auto routed = rows_of_bytes(std::move(bytes), DType::i64, 1, *choices, path_);
  if (!routed) return tl::unexpected(routed.error());
  RouterCall call{document.place, std::move(*routed), {}, 0};
  if (auto read = read_logits(document, *tokens, call); !read) return read;
  layers_[*layer].push_back(std::move(call));
  return {};
}

/// The k-th call of every router is of the same pass, and has the same tokens.
Expected<void> MegatronReader::check_passes() {
  const auto& [first_layer, first] = *layers_.begin();
  for (const auto& [layer, calls] : layers_) {
    if (calls.size() != first.size())
      return input_error(
          fmt::format("{}: layer {} was recorded in {} passes, and layer {} in {}; the file is cut "
                      "off, or routers ran unequally often",
                      path_, layer, calls.size(), first_layer, first.size()));
    for (std::size_t pass = 0; pass < calls.size(); ++pass) {
      if (calls[pass].routed.rows != first[pass].routed.rows)
        return fail(calls[pass].place,
                    fmt::format("layer {} has {} tokens, and layer {} has {} in this pass", layer,
                                calls[pass].routed.rows, first_layer, first[pass].routed.rows));
      if (calls[pass].routed.choices != calls.front().routed.choices)
        return fail(calls[pass].place, "another topk than in the layer's other passes");
      if (calls[pass].experts != calls.front().experts)
        return fail(calls[pass].place,
                    "logits of other experts than in the layer's other passes, or of none");
    }
  }
  for (const auto& call : first) tokens_ += call.routed.rows;
  if (!options_.batch) return {};
  const std::size_t passes = first.size();
  for (const auto& call : first) {
    if (*options_.batch == 0 || *options_.batch % passes != 0 ||
        call.routed.rows != first.front().routed.rows || call.routed.rows % (*options_.batch / passes) != 0)
      return usage_error(
          fmt::format("--batch {}: {} holds {} passes, the first of {} tokens, which do not divide "
                      "into that many sequences",
                      *options_.batch, path_, passes, first.front().routed.rows));
  }
  sequences_ = *options_.batch;
  return {};
}

/// All passes of one layer behind each other. Within a pass Megatron has tokens position by position, (S, B);
/// told how many sequences there are, they are put sequence by sequence.
void MegatronReader::gather(std::string name, DType type, std::size_t columns,
                            const std::vector<RouterCall>& calls, bool logits, TensorFile& out) {
  const std::size_t width = columns * size_of(type);
  std::vector<std::byte> bytes(tokens_ * width);
  const std::size_t each = options_.batch ? sequences_ / calls.size() : 1;
  std::size_t done = 0;
  for (const RouterCall& call : calls) {
    const std::size_t positions = call.routed.rows / each;
    const auto from = logits ? call.logits : call.routed.bytes;
    for (std::size_t token = 0; token < call.routed.rows; ++token) {
      const std::size_t to = done + token % each * positions + token / each;
      std::memcpy(bytes.data() + to * width, from.data() + token * width, width);
    }
    done += call.routed.rows;
  }
  owned_->arrays.push_back(std::move(bytes));
  std::vector<std::size_t> shape{tokens_, columns};
  if (options_.batch) shape = {sequences_, tokens_ / sequences_, columns};
  out.tensors.push_back({std::move(name), type, std::move(shape), owned_->arrays.back()});
}

Expected<TensorFile> MegatronReader::finish() {
  if (layers_.empty()) return input_error(path_ + ": holds no decisions of the decoder's routers");
  if (auto checked = check_passes(); !checked) return tl::unexpected(checked.error());
  TensorFile out;
  out.path = path_;
  out.storage = owned_;
  out.metadata = {{"stage", "selected"}};
  if (options_.batch) out.metadata["layout"] = "sequence-major";
  bool logits = false;
  for (const auto& [layer, calls] : layers_) {
    gather(fmt::format("layers.{}.experts", layer), DType::i64, calls.front().routed.choices, calls, false,
           out);
    if (calls.front().experts == 0) continue;
    logits = true;
    gather(fmt::format("layers.{}.logits", layer), DType::bf16, calls.front().experts, calls, true, out);
  }
  out.reading =
      fmt::format("read as Megatron-LM's router trace, {} passes, {} tokens, without token ids{}{}{}",
                  layers_.begin()->second.size(), tokens_, logits ? ", with logits" : "",
                  logits_missing_ ? "; the file of its logits is not beside it" : "",
                  mtp_ > 0 ? fmt::format("; {} records of multi-token prediction are left out", mtp_) : "");
  return out;
}

}  // namespace

bool is_megatron(const Json& document) noexcept {
  return value_at(&document, "top_indices") != nullptr && value_at(&document, "num_tokens") != nullptr;
}

Expected<TensorFile> read_megatron(const std::string& path, const RecordDocuments& documents,
                                   const TraceOptions& options) {
  if (auto fits = no_shape_for(path, options); !fits) return tl::unexpected(fits.error());
  MegatronReader reader(path, options);
  for (const auto& document : documents) {
    if (auto added = reader.add(document); !added) return tl::unexpected(added.error());
  }
  return reader.finish();
}

}  // namespace pastonly::input
