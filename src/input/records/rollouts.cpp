#include <fmt/format.h>

#include <algorithm>

#include "input/records/record_formats.h"
#include "input/records/record_values.h"
#include "input/text/printable.h"

namespace pastonly::input {

namespace {

constexpr std::string_view routed_keys[] = {"rollout_routed_experts", "routed_experts"};
constexpr std::string_view token_keys[] = {"tokens", "input_ids"};

template <std::size_t N>
const PickleValue* first_of(const PickleObject& dict, const std::string_view (&keys)[N]) noexcept {
  for (const auto key : keys) {
    const auto* value = find_key(dict, key);
    if (value != nullptr && !std::holds_alternative<std::monostate>(*value)) return value;
  }
  return nullptr;
}

/// Whether the first entry of a list is a sample.
bool has_samples(const PickleObject* list) noexcept {
  const auto* first =
      list == nullptr || list->items.empty() ? nullptr : object_of(list->items[0], ObjectKind::dict);
  return first != nullptr && (find_key(*first, routed_keys[0]) != nullptr || first_of(*first, routed_keys));
}

const PickleObject* list_under(const PickleObject* dict, std::string_view key) noexcept {
  const auto* value = dict == nullptr ? nullptr : find_key(*dict, key);
  return value == nullptr ? nullptr : object_of(*value, ObjectKind::list);
}

/// The list of samples, wherever it stands; nullptr where there is none.
const PickleObject* samples_of(const PickleValue& root) noexcept {
  const auto* list = object_of(root, ObjectKind::list);
  if (list == nullptr) list = list_under(object_of(root, ObjectKind::dict), "samples");
  return has_samples(list) ? list : nullptr;
}

/// Columns, one entry a sample, where it stands so.
const PickleObject* columns_of(const PickleValue& root) noexcept {
  const auto* dict = object_of(root, ObjectKind::dict);
  const auto* data = dict == nullptr ? nullptr : find_key(*dict, "rollout_data");
  const auto* columns = data == nullptr ? dict : object_of(*data, ObjectKind::dict);
  return list_under(columns, routed_keys[0]) != nullptr ? columns : nullptr;
}

/// A batch that is padded already: routed_experts (B, S, layers, choices).
const PickleObject* padded_batch(const PickleValue& root) noexcept {
  const auto* dict = object_of(root, ObjectKind::dict);
  const auto* routed = dict == nullptr ? nullptr : first_of(*dict, routed_keys);
  const auto* tensor = routed == nullptr ? nullptr : object_of(*routed, ObjectKind::tensor);
  return tensor != nullptr && tensor->tensor.shape.size() == 4 ? dict : nullptr;
}

class RolloutReader {
 public:
  RolloutReader(const TorchFile& file, const TraceOptions& options) : file_(file), options_(options) {}

  Expected<TensorFile> read() {
    const PickleValue& root = file_.pickle->root;
    if (const auto* batch = padded_batch(root)) return padded(*batch);
    const auto* samples = samples_of(root);
    const auto read = samples != nullptr ? read_samples(*samples) : read_columns(*columns_of(root));
    if (!read) return tl::unexpected(read.error());
    if (sequences_.empty())
      return input_error(file_.path +
                         ": no sample holds rollout_routed_experts; they are kept under "
                         "--use-rollout-routing-replay");
    auto out = batch_of(file_.path, sequences_, options_);
    if (!out) return out;
    return described(std::move(*out),
                     fmt::format("{} samples{}", sequences_.size(),
                                 without_ > 0 ? fmt::format("; {} without routed experts are "
                                                            "left out",
                                                            without_)
                                              : ""));
  }

 private:
  static TensorFile described(TensorFile out, const std::string& what) {
    out.metadata = {{"mode", "eval"}, {"stage", "selected"}};
    out.reading = "read as rollouts, " + what;
    return out;
  }
  Expected<void> add(const PickleValue* routed, const PickleValue* tokens, const std::string& label) {
    if (routed == nullptr || std::holds_alternative<std::monostate>(*routed)) {
      ++without_;
      return {};
    }
    auto rows = rows_of_value(*routed, fmt::format("{}: {}.{}", file_.path, label, routed_keys[0]));
    if (!rows) return tl::unexpected(rows.error());
    RecordedSequence sequence{label, {}, 0, std::move(*rows)};
    if (tokens != nullptr) {
      auto ids = whole_numbers(*tokens);
      if (!ids)
        return input_error(printable(fmt::format("{}: {}.tokens: found {}, expected token ids", file_.path,
                                                 label, describe(*tokens))));
      sequence.tokens = std::move(*ids);
    }
    sequences_.push_back(std::move(sequence));
    return {};
  }
  Expected<void> read_samples(const PickleObject& samples) {
    for (std::size_t i = 0; i < samples.items.size(); ++i) {
      const auto label = fmt::format("samples[{}]", i);
      const auto* sample = object_of(samples.items[i], ObjectKind::dict);
      if (sample == nullptr)
        return input_error(
            fmt::format("{}: {}: found {}, expected a dict", file_.path, label, describe(samples.items[i])));
      if (auto added = add(first_of(*sample, routed_keys), first_of(*sample, token_keys), label); !added)
        return added;
    }
    return {};
  }
  Expected<void> read_columns(const PickleObject& columns) {
    const auto& routed = list_under(&columns, routed_keys[0])->items;
    const auto* tokens = list_under(&columns, token_keys[0]);
    if (tokens != nullptr && tokens->items.size() != routed.size())
      return input_error(fmt::format("{}: rollout_routed_experts of {} samples, and tokens of {}", file_.path,
                                     routed.size(), tokens->items.size()));
    for (std::size_t i = 0; i < routed.size(); ++i) {
      if (auto added =
              add(&routed[i], tokens == nullptr ? nullptr : &tokens->items[i], fmt::format("[{}]", i));
          !added)
        return added;
    }
    return {};
  }
  /// Taken as it stands, under the names of a trace.
  Expected<TensorFile> padded(const PickleObject& batch) {
    TensorFile out;
    out.path = file_.path;
    out.storage = std::make_shared<const TorchFile>(file_);
    const auto put = [&](const PickleValue* value, std::string name) {
      const auto* tensor = value == nullptr ? nullptr : object_of(*value, ObjectKind::tensor);
      if (tensor == nullptr) return;
      out.tensors.push_back(tensor->tensor);
      out.tensors.back().name = std::move(name);
    };
    put(first_of(batch, routed_keys), "routed_experts");
    put(first_of(batch, token_keys), "tokens");
    put(find_key(batch, "attention_mask"), "valid");
    return described(std::move(out), "a padded batch");
  }

  const TorchFile& file_;
  const TraceOptions& options_;
  std::vector<RecordedSequence> sequences_;
  std::size_t without_ = 0;
};

}  // namespace

bool is_rollouts(const PickleValue& root) noexcept {
  return samples_of(root) != nullptr || columns_of(root) != nullptr || padded_batch(root) != nullptr;
}

Expected<TensorFile> read_rollouts(const TorchFile& file, const TraceOptions& options) {
  return RolloutReader(file, options).read();
}

}  // namespace pastonly::input
