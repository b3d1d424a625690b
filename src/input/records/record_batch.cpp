#include "input/records/record_batch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "input/text/printable.h"

namespace pastonly::input {

namespace {

constexpr std::size_t longest_batch = std::size_t{1} << 33;  // bytes of all layers together
constexpr std::size_t most_routed_layers = 8192;
// Padding to the longest sequence may make of the decisions this many times their number, and 64 MiB at
// least.
constexpr std::size_t largest_padding = 64, small_batch = std::size_t{1} << 26;
constexpr std::size_t rows_at_once = 4096;

struct OwnedBatch {
  std::vector<std::int64_t> tokens;
  std::vector<std::uint8_t> valid;
  std::vector<std::vector<std::byte>> layers;
};

TokenTensor ids_of(const RoutedRows& routed) {
  TokenTensor ids;
  ids.type = routed.type;
  ids.sequences = 1;
  ids.positions = routed.rows;
  ids.columns = routed.layers * routed.choices;
  ids.position_stride = ids.columns * size_of(routed.type);
  ids.sequence_stride = ids.position_stride * routed.rows;
  ids.data = routed.bytes.data();
  return ids;
}

/// Calls visit(row, ids of all layers) for every row.
template <class Visit>
void for_each_row(const RoutedRows& routed, Visit visit) {
  const TokenTensor ids = ids_of(routed);
  std::vector<std::int64_t> scratch;
  for (std::size_t first = 0; first < routed.rows; first += rows_at_once) {
    const auto rows = read_integers(ids, first, std::min(rows_at_once, routed.rows - first), scratch);
    for (std::size_t i = 0; i < rows.rows(); ++i) visit(first + i, rows.row(i));
  }
}

class BatchBuilder {
 public:
  BatchBuilder(const std::string& path, const std::vector<RecordedSequence>& sequences,
               const TraceOptions& options)
      : path_(path), sequences_(sequences), options_(options) {}
  Expected<TensorFile> build();

 private:
  tl::unexpected<Error> fail(const RecordedSequence& sequence, std::string_view why) const {
    return input_error(printable(fmt::format("{}: {}: {}", path_, sequence.label, why)));
  }
  Expected<void> check_shapes();
  Expected<void> check_width() const;
  Expected<void> settle_ids();
  template <class Id>
  void fill_layers();
  void fill_tokens();

  const std::string& path_;
  const std::vector<RecordedSequence>& sequences_;
  const TraceOptions& options_;
  std::size_t layers_ = 0, choices_ = 0;
  std::size_t positions_ = 0;  ///< of tokens
  std::size_t routed_ = 0;     ///< positions of decisions: the same or one less
  bool has_tokens_ = true;
  bool wide_ = false;    ///< ids need 32 bits
  bool marked_ = false;  ///< 255 in 8 bits means "none"
  std::shared_ptr<OwnedBatch> owned_ = std::make_shared<OwnedBatch>();
};

Expected<void> BatchBuilder::check_shapes() {
  std::size_t longest = 0, decided = 0, kept = 0;
  layers_ = sequences_.front().routed.layers;
  choices_ = sequences_.front().routed.choices;
  for (const auto& sequence : sequences_) {
    const RoutedRows& routed = sequence.routed;
    if (routed.layers != layers_ || routed.choices != choices_)
      return fail(sequence,
                  fmt::format("decisions of {} layers with {} choices, and {} has {} with {}", routed.layers,
                              routed.choices, sequences_.front().label, layers_, choices_));
    const std::size_t end = sequence.first + routed.rows;
    if (!sequence.tokens.empty() && end > sequence.tokens.size())
      return fail(sequence,
                  fmt::format("decisions up to position {}, and {} tokens", end, sequence.tokens.size()));
    has_tokens_ = has_tokens_ && !sequence.tokens.empty();
    longest = std::max({longest, sequence.tokens.size(), end});
    decided = std::max(decided, end);
    kept += routed.rows;
  }
  if (layers_ == 0 || choices_ == 0 || layers_ > most_routed_layers || choices_ > 65'536)
    return fail(sequences_.front(), fmt::format("decisions of {} layers with {} choices", layers_, choices_));
  if (kept == 0) return fail(sequences_.front(), "holds no decisions");
  routed_ = decided;
  positions_ = std::min(longest, decided + 1);
  const std::size_t row = layers_ * choices_ * sizeof(std::int32_t);
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(sequences_.size(), routed_, &bytes) ||
      __builtin_mul_overflow(bytes, row, &bytes) || bytes > longest_batch ||
      (bytes > small_batch && bytes / row / largest_padding > kept))
    return input_error(fmt::format(
        "{}: {} sequences of up to {} positions with {} decisions in all would need {} bytes when padded; "
        "cut "
        "the record into several files, by length",
        path_, sequences_.size(), routed_, kept, bytes == 0 ? "far too many" : fmt::format("{}", bytes)));
  return {};
}

/// Ids beyond the type's range have wrapped around: they name other experts.
Expected<void> BatchBuilder::check_width() const {
  const std::size_t experts = options_.experts.value_or(options_.stated_experts.value_or(0));
  for (const auto& sequence : sequences_) {
    const DType type = sequence.routed.type;
    const std::size_t nameable = type == DType::u8 ? 256 : type == DType::i8 ? 128 : experts;
    if (experts > nameable)
      return fail(sequence,
                  fmt::format("ids of type {} name {} experts at most, and there are {}; record them "
                              "in 16 bits or more",
                              name(type), nameable, experts));
  }
  return {};
}

Expected<void> BatchBuilder::settle_ids() {
  std::int64_t largest = -1, below_mark = -1;
  bool bytes = true;
  for (const auto& sequence : sequences_) {
    bytes = bytes && sequence.routed.type == DType::u8;
    std::optional<std::int64_t> beyond;
    for_each_row(sequence.routed, [&](std::size_t, std::span<const std::int64_t> ids) {
      for (const std::int64_t id : ids) {
        if (sequence.routed.type != DType::u16 || id != 0xFFFF) largest = std::max(largest, id);
        if (id != 255) below_mark = std::max(below_mark, id);
        if (id > std::numeric_limits<std::int32_t>::max()) beyond = id;
      }
    });
    if (beyond) return fail(sequence, fmt::format("names expert {}", *beyond));
  }
  wide_ = largest > std::numeric_limits<std::int16_t>::max();
  // In bytes, which have no -1, 255 is how engines write "none", unless ids fill the range below it.
  const std::size_t experts = options_.experts.value_or(options_.stated_experts.value_or(0));
  marked_ = bytes && (experts > 0 ? experts <= 255 : below_mark < 254);
  return {};
}

template <class Id>
void BatchBuilder::fill_layers() {
  const std::size_t width = choices_ * sizeof(Id);
  owned_->layers.assign(layers_,
                        std::vector<std::byte>(sequences_.size() * routed_ * width, std::byte{0xff}));
  std::vector<Id> row(choices_);
  for (std::size_t b = 0; b < sequences_.size(); ++b) {
    const DType type = sequences_[b].routed.type;
    // What -1 becomes in unsigned types. No token chooses one expert twice.
    const std::int64_t wrapped = choices_ < 2         ? -1
                                 : type == DType::u8  ? 0xFF
                                 : type == DType::u16 ? 0xFFFF
                                                      : -1;
    for_each_row(sequences_[b].routed, [&](std::size_t at, std::span<const std::int64_t> ids) {
      const std::size_t to = (b * routed_ + sequences_[b].first + at) * width;
      for (std::size_t layer = 0; layer < layers_; ++layer) {
        const auto chosen = ids.subspan(layer * choices_, choices_);
        const bool none = std::ranges::all_of(chosen, [&](std::int64_t id) { return id == wrapped; });
        for (std::size_t k = 0; k < choices_; ++k) {
          const std::int64_t id = chosen[k];
          row[k] = static_cast<Id>(id < 0 || none || (marked_ && id == 255) ? -1 : id);
        }
        std::copy_n(reinterpret_cast<const std::byte*>(row.data()), width, owned_->layers[layer].data() + to);
      }
    });
  }
}

void BatchBuilder::fill_tokens() {
  owned_->tokens.assign(sequences_.size() * positions_, 0);
  owned_->valid.assign(sequences_.size() * positions_, 0);
  for (std::size_t b = 0; b < sequences_.size(); ++b) {
    const auto& sequence = sequences_[b];
    const std::size_t length =
        std::min(positions_, has_tokens_ ? sequence.tokens.size() : sequence.first + sequence.routed.rows);
    if (has_tokens_)
      std::copy_n(sequence.tokens.begin(), length,
                  owned_->tokens.begin() + static_cast<std::ptrdiff_t>(b * positions_));
    std::fill_n(owned_->valid.begin() + static_cast<std::ptrdiff_t>(b * positions_), length, std::uint8_t{1});
  }
}

Expected<TensorFile> BatchBuilder::build() {
  if (sequences_.empty()) return input_error(path_ + ": holds no sequence with routed experts");
  if (auto checked = check_shapes(); !checked) return tl::unexpected(checked.error());
  if (auto checked = check_width(); !checked) return tl::unexpected(checked.error());
  if (auto settled = settle_ids(); !settled) return tl::unexpected(settled.error());
  if (!has_tokens_) positions_ = routed_;
  fill_tokens();
  wide_ ? fill_layers<std::int32_t>() : fill_layers<std::int16_t>();

  TensorFile file;
  file.path = path_;
  file.storage = owned_;
  const std::size_t sequences = sequences_.size();
  for (std::size_t layer = 0; layer < layers_; ++layer)
    file.tensors.push_back({fmt::format("layers.{}.experts", layer),
                            wide_ ? DType::i32 : DType::i16,
                            {sequences, routed_, choices_},
                            owned_->layers[layer]});
  if (has_tokens_)
    file.tensors.push_back(
        {"tokens", DType::i64, {sequences, positions_}, std::as_bytes(std::span(owned_->tokens))});
  if (std::ranges::find(owned_->valid, 0) != owned_->valid.end())
    file.tensors.push_back(
        {"valid", DType::u8, {sequences, positions_}, std::as_bytes(std::span(owned_->valid))});
  return file;
}

}  // namespace

Expected<RoutedRows> routed_rows(const Tensor& tensor, const std::string& label) {
  if (tensor.shape.size() != 3 || is_float(tensor.type) || tensor.type == DType::boolean)
    return input_error(
        printable(fmt::format("{}: shape ({}) of {}, expected integers (tokens, layers, choices)", label,
                              fmt::join(tensor.shape, ", "), name(tensor.type))));
  return RoutedRows{tensor.type, tensor.shape[0], tensor.shape[1], tensor.shape[2], tensor.bytes, {}};
}

Expected<TensorFile> batch_of(const std::string& path, const std::vector<RecordedSequence>& sequences,
                              const TraceOptions& options) {
  return BatchBuilder(path, sequences, options).build();
}

}  // namespace pastonly::input
