#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "input/records/record_batch.h"
#include "input/text/parse_json.h"

namespace pastonly::input {

/// A document of a record, and where it stands: "" or "line 3".
struct RecordDocument {
  Json json;
  std::string place;
};

/// Does text begin like JSON? (A safetensors file may begin with the same byte, and then with zeros.)
bool looks_like_json(std::string_view bytes) noexcept;

/// One JSON document, or one a line; a top-level list is a document for each entry. Input errors name the
/// line.
Expected<std::vector<RecordDocument>> json_documents(std::string_view text, const std::string& path);

/// The whole numbers of a list; nullopt where it is something else.
std::optional<std::vector<std::int64_t>> whole_numbers(const Json* list);
/// The value under a key; nullptr where there is none, or null, or `json` is no object.
const Json* value_at(const Json* json, std::string_view key) noexcept;
/// A whole number under a key, from 0 to 2^40; nullopt where there is none.
std::optional<std::size_t> count_under(const Json* json, std::string_view key) noexcept;

/// Standard base64, padded; nullopt where it is something else.
std::optional<std::vector<std::byte>> decode_base64(std::string_view text);

/// Routed experts as JSON holds them: base64 of a .npy array, or nested lists (tokens, layers, choices).
Expected<RoutedRows> rows_of_json(const Json& value, const std::string& label);
/// Ids without a shape, in the narrowest order that engines write: (rows, layers, choices) of `type`.
Expected<RoutedRows> rows_of_bytes(std::vector<std::byte> bytes, DType type, std::size_t layers,
                                   std::size_t choices, const std::string& label);

}  // namespace pastonly::input
