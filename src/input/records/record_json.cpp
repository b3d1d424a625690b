#include "input/records/record_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "input/tensor/npy.h"
#include "input/tensor/zip_archive.h"
#include "input/text/printable.h"

namespace pastonly::input {

namespace {

constexpr std::size_t longest_document = std::size_t{1} << 29;
constexpr std::size_t most_documents = 1'000'000;

tl::unexpected<Error> bad_json(const std::string& label, std::string_view why) {
  return input_error(printable(fmt::format("{}: {}", label, why)));
}

Expected<void> add_document(std::string_view text, const std::string& path, const std::string& place,
                            std::vector<RecordDocument>& out) {
  const std::string name = place.empty() ? path : fmt::format("{}: {}", path, place);
  if (text.size() > longest_document)
    return bad_json(name, fmt::format("a document of {} bytes; {} at most are read. Write one a line",
                                      text.size(), longest_document));
  auto json = parse_json(text, name, Error::Kind::input);
  if (!json) return tl::unexpected(json.error());
  if (!json->is_array()) {
    out.push_back({std::move(*json), place});
    return {};
  }
  for (std::size_t i = 0; i < json->size(); ++i)
    out.push_back({std::move((*json)[i]), fmt::format("{}{}[{}]", place, place.empty() ? "" : " ", i)});
  return {};
}

bool blank(std::string_view text) noexcept { return text.find_first_not_of(" \t\r\n") == text.npos; }

/// The length of a list of lists' inner lists, if all have it.
const Json* first_entry(const Json& list) noexcept {
  return list.is_array() && !list.empty() ? &list.front() : nullptr;
}

}  // namespace

bool looks_like_json(std::string_view bytes) noexcept {
  const auto first = bytes.find_first_not_of(" \t\r\n");
  if (first == bytes.npos || (bytes[first] != '{' && bytes[first] != '[')) return false;
  return bytes.substr(0, 16).find('\0') == bytes.npos;
}

Expected<std::vector<RecordDocument>> json_documents(std::string_view text, const std::string& path) {
  std::vector<RecordDocument> out;
  // One a line where the first line is a document by itself; else the whole text is one.
  const std::string_view line = text.substr(0, text.find('\n'));
  const bool lines =
      line.size() < text.size() && !blank(text.substr(line.size())) && Json::accept(line.begin(), line.end());
  if (!lines) {
    if (auto added = add_document(text, path, "", out); !added) return tl::unexpected(added.error());
    return out;
  }
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (blank(one)) continue;
    if (out.size() >= most_documents)
      return bad_json(path, fmt::format("more than {} lines", most_documents));
    if (auto added = add_document(one, path, fmt::format("line {}", number), out); !added)
      return tl::unexpected(added.error());
  }
  return out;
}

std::optional<std::vector<std::int64_t>> whole_numbers(const Json* list) {
  if (list == nullptr || !list->is_array()) return std::nullopt;
  std::vector<std::int64_t> out;
  out.reserve(list->size());
  for (const Json& entry : *list) {
    if (!entry.is_number_integer()) return std::nullopt;
    out.push_back(entry.get<std::int64_t>());
  }
  return out;
}

const Json* value_at(const Json* json, std::string_view key) noexcept {
  if (json == nullptr || !json->is_object()) return nullptr;
  const auto at = json->find(key);
  return at == json->end() || at->is_null() ? nullptr : &*at;
}

std::optional<std::size_t> count_under(const Json* json, std::string_view key) noexcept {
  const Json* value = value_at(json, key);
  if (value == nullptr || !value->is_number_unsigned() || value->get<std::uint64_t>() > (1ull << 40))
    return std::nullopt;
  return value->get<std::size_t>();
}

std::optional<std::vector<std::byte>> decode_base64(std::string_view text) {
  static constexpr auto values = [] {
    std::array<std::int8_t, 256> table{};
    table.fill(-1);
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < digits.size(); ++i)
      table[static_cast<unsigned char>(digits[i])] = static_cast<std::int8_t>(i);
    return table;
  }();
  if (text.size() % 4 != 0) return std::nullopt;
  std::vector<std::byte> out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t at = 0; at < text.size(); at += 4) {
    const bool last = at + 4 == text.size();
    const std::size_t padding = !last ? 0 : text[at + 3] != '=' ? 0 : text[at + 2] != '=' ? 1 : 2;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const int value = i >= 4 - padding ? 0 : values[static_cast<unsigned char>(text[at + i])];
      if (value < 0) return std::nullopt;
      bits = (bits << 6) | static_cast<std::uint32_t>(value);
    }
    for (std::size_t i = 0; i < 3 - padding; ++i) out.push_back(static_cast<std::byte>(bits >> (16 - 8 * i)));
  }
  return out;
}

Expected<RoutedRows> rows_of_bytes(std::vector<std::byte> bytes, DType type, std::size_t layers,
                                   std::size_t choices, const std::string& label) {
  std::size_t row = 0;
  if (layers == 0 || choices == 0 || __builtin_mul_overflow(layers, choices, &row) ||
      __builtin_mul_overflow(row, size_of(type), &row) || bytes.size() % row != 0)
    return bad_json(label, fmt::format("{} bytes of {} are no rows of {} layers with {} choices",
                                       bytes.size(), name(type), layers, choices));
  auto owned = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return RoutedRows{type, owned->size() / row, layers, choices, *owned, owned};
}

namespace {

Expected<RoutedRows> rows_of_npy(const std::string& text, const std::string& label) {
  auto bytes = decode_base64(text);
  if (!bytes) return bad_json(label, "is not base64");
  auto array = parse_npy(*bytes, label, "", copied_limit);
  if (!array) return tl::unexpected(array.error());
  auto rows = routed_rows(array->tensor, label);
  if (!rows) return rows;
  // A moved vector keeps its bytes where they are.
  rows->owned = std::make_shared<const std::vector<std::byte>>(
      array->reordered.empty() ? std::move(*bytes) : std::move(array->reordered));
  return rows;
}

Expected<RoutedRows> rows_of_lists(const Json& lists, const std::string& label) {
  const Json* layers = first_entry(lists);
  const Json* choices = layers == nullptr ? nullptr : first_entry(*layers);
  if (choices == nullptr || !choices->is_array() || choices->empty())
    return bad_json(label, "expected lists of lists of lists of expert ids: (tokens, layers, choices)");
  const std::size_t wide = layers->size(), deep = choices->size();
  std::vector<std::byte> bytes;
  for (std::size_t token = 0; token < lists.size(); ++token) {
    const auto ragged = [&] {
      return bad_json(label, fmt::format("[{}]: expected {} layers of {} expert ids", token, wide, deep));
    };
    if (!lists[token].is_array() || lists[token].size() != wide) return ragged();
    for (const Json& layer : lists[token]) {
      const auto ids = whole_numbers(&layer);
      if (!ids || ids->size() != deep) return ragged();
      for (const std::int64_t id : *ids) {
        const auto raw = std::as_bytes(std::span(&id, 1));
        bytes.insert(bytes.end(), raw.begin(), raw.end());
      }
    }
  }
  return rows_of_bytes(std::move(bytes), DType::i64, wide, deep, label);
}

}  // namespace

Expected<RoutedRows> rows_of_json(const Json& value, const std::string& label) {
  if (value.is_string()) return rows_of_npy(value.get_ref<const std::string&>(), label);
  if (value.is_array()) return rows_of_lists(value, label);
  return bad_json(label, "expected base64 of a .npy array, or lists (tokens, layers, choices)");
}

}  // namespace pastonly::input
