#include "checkpoint/gguf_metadata.h"

#include <array>
#include <cmath>
#include <optional>
#include <type_traits>

#include "input/text/printable.h"

namespace pastonly::checkpoint {
namespace {

using input::Json;

constexpr std::size_t most_elements_kept = 65536;

/// Types of metadata values, by number.
enum class GgufKind : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, text, array, u64, i64, f64 };

/// Bytes of a value of fixed size; 0 for text and arrays; nothing for numbers that stand for no type.
std::optional<std::size_t> value_size(std::uint32_t kind) {
  constexpr std::array<std::size_t, 13> sizes{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return kind < sizes.size() ? std::optional(sizes[kind]) : std::nullopt;
}

class MetadataReader {
 public:
  MetadataReader(GgufCursor& cursor, Json& out) : cursor_(cursor), out_(out) {}

  bool run(std::uint64_t values) {
    out_ = Json::object();
    for (std::uint64_t i = 0; i < values; ++i) {
      std::string_view key;
      if (!cursor_.take_text(key)) return cursor_.ends(fmt::format("key {} of {}", i, values));
      if (!is_gguf_name(key))
        return cursor_.fail(
            fmt::format("key {}: '{}' is no key: expected printable ASCII", i, key.substr(0, 80)));
      const std::string name(key);
      if (out_.contains(name)) return cursor_.fail(fmt::format("key '{}' stands twice", name));
      std::uint32_t kind = 0;
      if (!cursor_.take(kind)) return cursor_.ends(fmt::format("the value of '{}'", name));
      Json value;
      if (static_cast<GgufKind>(kind) == GgufKind::array ? !array(name, value)
                                                         : !one(name, kind, true, value))
        return false;
      out_[name] = std::move(value);
    }
    return true;
  }

 private:
  /// `keep`: wanted as a value; else it is checked and passed over.
  bool one(const std::string& key, std::uint32_t kind, bool keep, Json& value) {
    const auto cut = [&] { return cursor_.ends(fmt::format("the value of '{}'", key)); };
    const auto number = [&](auto raw) {
      if (!cursor_.take(raw)) return cut();
      if (!keep) return true;
      if constexpr (std::is_integral_v<decltype(raw)>) {
        raw < 0 ? value = static_cast<std::int64_t>(raw) : value = static_cast<std::uint64_t>(raw);
      } else {
        value = raw;
      }
      return true;
    };
    switch (static_cast<GgufKind>(kind)) {
      case GgufKind::u8:
        return number(std::uint8_t{});
      case GgufKind::i8:
        return number(std::int8_t{});
      case GgufKind::u16:
        return number(std::uint16_t{});
      case GgufKind::i16:
        return number(std::int16_t{});
      case GgufKind::u32:
        return number(std::uint32_t{});
      case GgufKind::i32:
        return number(std::int32_t{});
      case GgufKind::u64:
        return number(std::uint64_t{});
      case GgufKind::i64:
        return number(std::int64_t{});
      case GgufKind::f32:
        return number(float{}) && finite(key, keep, value);
      case GgufKind::f64:
        return number(double{}) && finite(key, keep, value);
      case GgufKind::boolean: {
        std::uint8_t raw = 0;
        if (!cursor_.take(raw)) return cut();
        if (raw > 1)
          return cursor_.fail(fmt::format("key '{}': {} is no boolean; expected 0 or 1", key, raw));
        if (keep) value = raw == 1;
        return true;
      }
      case GgufKind::text: {
        std::string_view text;
        if (!cursor_.take_text(text)) return cut();
        if (keep) value = input::printable(text);
        return true;
      }
      case GgufKind::array:
        return cursor_.fail(fmt::format("key '{}': arrays of arrays are not read", key));
    }
    return cursor_.fail(fmt::format("key '{}': {} is no type of values", key, kind));
  }

  bool finite(const std::string& key, bool keep, const Json& value) {
    if (!keep || std::isfinite(value.get<double>())) return true;
    return cursor_.fail(fmt::format("key '{}' is not a finite number", key));
  }

  bool array(const std::string& key, Json& value) {
    std::uint32_t kind = 0;
    std::uint64_t count = 0;
    if (!cursor_.take(kind) || !cursor_.take(count))
      return cursor_.ends(fmt::format("the value of '{}'", key));
    const auto size = value_size(kind);
    if (!size) return cursor_.fail(fmt::format("key '{}': {} is no type of values", key, kind));
    if (static_cast<GgufKind>(kind) == GgufKind::array)
      return cursor_.fail(fmt::format("key '{}': arrays of arrays are not read", key));
    const std::size_t least = *size > 0 ? *size : 8;  // of text: its length
    if (count > cursor_.left() / least)
      return cursor_.fail(fmt::format("key '{}': an array of {}, more than its {} bytes hold", key, count,
                                      cursor_.bytes().size()));
    const bool keep = count <= most_elements_kept && !key.starts_with("tokenizer.");
    value = keep ? Json::array() : Json(fmt::format("an array of {}", count));
    for (std::uint64_t i = 0; i < count; ++i) {
      Json element;
      if (!one(key, kind, keep, element)) return false;
      if (keep) value.push_back(std::move(element));
    }
    return true;
  }

  GgufCursor& cursor_;
  Json& out_;
};

}  // namespace

bool read_metadata(GgufCursor& cursor, std::uint64_t count, Json& out) {
  return MetadataReader(cursor, out).run(count);
}

}  // namespace pastonly::checkpoint
