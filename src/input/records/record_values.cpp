#include "input/records/record_values.h"

#include <fmt/format.h>

#include "input/records/record_json.h"
#include "input/text/printable.h"

namespace pastonly::input {

namespace {

const std::vector<PickleValue>* items_of(const PickleValue& value) noexcept {
  for (const ObjectKind kind : {ObjectKind::list, ObjectKind::tuple}) {
    if (const auto* object = object_of(value, kind)) return &object->items;
  }
  return nullptr;
}

Expected<RoutedRows> rows_of_lists(const std::vector<PickleValue>& tokens, const std::string& label) {
  std::vector<std::byte> bytes;
  std::size_t layers = 0, choices = 0;
  for (std::size_t token = 0; token < tokens.size(); ++token) {
    const auto* row = items_of(tokens[token]);
    if (token == 0 && row != nullptr) layers = row->size();
    const auto ragged = [&] {
      return input_error(printable(
          fmt::format("{}[{}]: expected {} layers of {} expert ids", label, token, layers, choices)));
    };
    if (row == nullptr || row->size() != layers) return ragged();
    for (std::size_t layer = 0; layer < layers; ++layer) {
      const auto ids = whole_numbers((*row)[layer]);
      if (token == 0 && layer == 0 && ids) choices = ids->size();
      if (!ids || ids->size() != choices) return ragged();
      const auto raw = std::as_bytes(std::span(*ids));
      bytes.insert(bytes.end(), raw.begin(), raw.end());
    }
  }
  return rows_of_bytes(std::move(bytes), DType::i64, layers, choices, label);
}

}  // namespace

bool is_integer(const Tensor& tensor) noexcept {
  return !is_float(tensor.type) && tensor.type != DType::boolean;
}

std::vector<std::int64_t> integers_of(const Tensor& tensor) {
  TokenTensor row;
  row.type = tensor.type;
  row.sequences = 1;
  row.positions = tensor.bytes.size() / size_of(tensor.type);
  row.columns = 1;
  row.position_stride = size_of(tensor.type);
  row.sequence_stride = tensor.bytes.size();
  row.data = tensor.bytes.data();
  if (row.positions == 0) return {};
  std::vector<std::int64_t> scratch;
  const auto values = read_integers(row, 0, row.positions, scratch);
  return {values.data(), values.data() + values.size()};
}

std::optional<std::vector<std::int64_t>> whole_numbers(const PickleValue& value) {
  if (const auto* tensor = object_of(value, ObjectKind::tensor)) {
    if (tensor->tensor.shape.size() != 1 || !is_integer(tensor->tensor)) return std::nullopt;
    return integers_of(tensor->tensor);
  }
  const auto* items = items_of(value);
  if (items == nullptr) return std::nullopt;
  std::vector<std::int64_t> out;
  out.reserve(items->size());
  for (const PickleValue& item : *items) {
    const auto* number = std::get_if<std::int64_t>(&item);
    if (number == nullptr) return std::nullopt;
    out.push_back(*number);
  }
  return out;
}

Expected<RoutedRows> rows_of_value(const PickleValue& value, const std::string& label) {
  if (const auto* tensor = object_of(value, ObjectKind::tensor)) return routed_rows(tensor->tensor, label);
  if (const auto* items = items_of(value)) return rows_of_lists(*items, label);
  return input_error(printable(fmt::format(
      "{}: found {}, expected a tensor of integers (tokens, layers, choices)", label, describe(value))));
}

}  // namespace pastonly::input
