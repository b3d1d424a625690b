#include "checkpoint/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>
#include <type_traits>
#include <utility>

#include "input/files/mapped_file.h"
#include "input/text/printable.h"

namespace pastonly::checkpoint {
namespace {

using input::Json;

constexpr std::size_t most_elements_kept = 65536, longest_key = 65535, most_dimensions = 4;
constexpr std::uint64_t largest_alignment = std::uint64_t{1} << 20;

/// Types of metadata values, by number.
enum class GgufKind : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, text, array, u64, i64, f64 };

/// Bytes of a value of fixed size; 0 for text and arrays; nothing for numbers that stand for no type.
std::optional<std::size_t> value_size(std::uint32_t kind) {
  constexpr std::array<std::size_t, 13> sizes{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return kind < sizes.size() ? std::optional(sizes[kind]) : std::nullopt;
}

bool is_plain_key(std::string_view key) {
  return !key.empty() && std::ranges::all_of(key, [](char c) { return c > 32 && c < 127; });
}

class GgufReader {
 public:
  GgufReader(std::span<const std::byte> bytes, std::string_view name) : bytes_(bytes) { out_.path = name; }

  Expected<GgufFile> run() {
    const bool good = header() && metadata() && infos() && lay_out();
    if (!good) return input_error(input::printable(fmt::format("{}: {}", out_.path, problem_)));
    return std::move(out_);
  }

 private:
  struct Place {
    std::uint64_t offset = 0, size = 0;  // from the beginning of the data
  };

  bool fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }
  bool ends(std::string_view where) {
    return fail(
        fmt::format("the file ends in {}, at byte {}; it is cut off, or no GGUF", where, bytes_.size()));
  }

  std::size_t left() const noexcept { return bytes_.size() - at_; }

  template <class T>
  bool take(T& value) {
    if (left() < sizeof(T)) return false;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return true;
  }

  /// A length of 64 bits and as many bytes.
  bool take_text(std::string_view& text) {
    std::uint64_t size = 0;
    if (!take(size) || size > left()) return false;
    text = {reinterpret_cast<const char*>(bytes_.data() + at_), static_cast<std::size_t>(size)};
    at_ += static_cast<std::size_t>(size);
    return true;
  }

  bool header() {
    std::uint32_t magic = 0, version = 0;
    if (!take(magic) || magic != 0x46554747) return fail("does not begin with 'GGUF'");
    if (!take(version)) return ends("the header");
    if (version == 1) return fail("GGUF version 1 is not read; convert the model anew");
    if (version != 2 && version != 3 && (version & 0xFFFF) == 0)
      return fail("is a big-endian GGUF, which is not read; gguf-convert-endian makes it little-endian");
    if (version != 2 && version != 3)
      return fail(fmt::format("GGUF version {} is not known; expected 2 or 3", version));
    if (!take(tensors_) || !take(values_)) return ends("the header");
    // Of the smallest tensor (a name of one byte, one dimension) and the smallest value.
    constexpr std::size_t tensor = 8 + 1 + 4 + 8 + 4 + 8, value = 8 + 1 + 4 + 1;
    if (tensors_ > left() / tensor)
      return fail(fmt::format("says {} tensors, more than its {} bytes hold", tensors_, bytes_.size()));
    if (values_ > left() / value)
      return fail(fmt::format("says {} keys, more than its {} bytes hold", values_, bytes_.size()));
    if (tensors_ == 0 && values_ == 0) return fail("holds neither keys nor tensors");
    return true;
  }

  bool metadata() {
    out_.metadata = Json::object();
    for (std::uint64_t i = 0; i < values_; ++i) {
      std::string_view key;
      if (!take_text(key)) return ends(fmt::format("key {} of {}", i, values_));
      if (key.size() > longest_key || !is_plain_key(key))
        return fail(fmt::format("key {}: '{}' is no key: expected printable ASCII", i, key.substr(0, 80)));
      const std::string name(key);
      if (out_.metadata.contains(name)) return fail(fmt::format("key '{}' stands twice", name));
      std::uint32_t kind = 0;
      if (!take(kind)) return ends(fmt::format("the value of '{}'", name));
      Json value;
      if (static_cast<GgufKind>(kind) == GgufKind::array ? !array(name, value)
                                                         : !one(name, kind, true, value))
        return false;
      out_.metadata[name] = std::move(value);
    }
    return true;
  }

  /// `keep`: wanted as a value; else it is checked and passed over.
  bool one(const std::string& key, std::uint32_t kind, bool keep, Json& value) {
    const auto cut = [&] { return ends(fmt::format("the value of '{}'", key)); };
    const auto number = [&](auto raw) {
      if (!take(raw)) return cut();
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
        if (!take(raw)) return cut();
        if (raw > 1) return fail(fmt::format("key '{}': {} is no boolean; expected 0 or 1", key, raw));
        if (keep) value = raw == 1;
        return true;
      }
      case GgufKind::text: {
        std::string_view text;
        if (!take_text(text)) return cut();
        if (keep) value = input::printable(text);
        return true;
      }
      case GgufKind::array:
        return fail(fmt::format("key '{}': arrays of arrays are not read", key));
    }
    return fail(fmt::format("key '{}': {} is no type of values", key, kind));
  }

  bool finite(const std::string& key, bool keep, const Json& value) {
    if (!keep || std::isfinite(value.get<double>())) return true;
    return fail(fmt::format("key '{}' is not a finite number", key));
  }

  bool array(const std::string& key, Json& value) {
    std::uint32_t kind = 0;
    std::uint64_t count = 0;
    if (!take(kind) || !take(count)) return ends(fmt::format("the value of '{}'", key));
    const auto size = value_size(kind);
    if (!size) return fail(fmt::format("key '{}': {} is no type of values", key, kind));
    if (static_cast<GgufKind>(kind) == GgufKind::array)
      return fail(fmt::format("key '{}': arrays of arrays are not read", key));
    const std::size_t least = *size > 0 ? *size : 8;  // of text: its length
    if (count > left() / least)
      return fail(
          fmt::format("key '{}': an array of {}, more than its {} bytes hold", key, count, bytes_.size()));
    const bool keep = count <= most_elements_kept && !key.starts_with("tokenizer.");
    value = keep ? Json::array() : Json(fmt::format("an array of {}", count));
    for (std::uint64_t i = 0; i < count; ++i) {
      Json element;
      if (!one(key, kind, keep, element)) return false;
      if (keep) value.push_back(std::move(element));
    }
    return true;
  }

  bool infos() {
    std::set<std::string_view> names;
    for (std::uint64_t i = 0; i < tensors_; ++i) {
      std::string_view name;
      if (!take_text(name)) return ends(fmt::format("tensor {} of {}", i, tensors_));
      if (name.size() > longest_key || !is_plain_key(name))
        return fail(
            fmt::format("tensor {}: '{}' is no name: expected printable ASCII", i, name.substr(0, 80)));
      if (!names.insert(name).second) return fail(fmt::format("tensor '{}' stands twice", name));
      if (!info(name)) return false;
    }
    return true;
  }

  bool info(std::string_view name) {
    const auto cut = [&] { return ends(fmt::format("what it says of tensor '{}'", name)); };
    const auto wrong = [&](const std::string& why) {
      return fail(fmt::format("tensor '{}': {}", name, why));
    };
    std::uint32_t dimensions = 0, type = 0;
    if (!take(dimensions)) return cut();
    if (dimensions == 0 || dimensions > most_dimensions)
      return wrong(fmt::format("{} dimensions; expected 1 to {}", dimensions, most_dimensions));
    GgufTensor tensor;
    tensor.name = name;
    std::uint64_t numbers = 1;
    for (std::uint32_t i = 0; i < dimensions; ++i) {
      std::uint64_t size = 0;
      if (!take(size)) return cut();
      if (size == 0) return wrong("a dimension is 0");
      if (size > (std::uint64_t{1} << 48) / numbers) return wrong("its dimensions are too large");
      numbers *= size;
      tensor.shape.insert(tensor.shape.begin(), static_cast<std::size_t>(size));
    }
    Place place;
    if (!take(type) || !take(place.offset)) return cut();
    tensor.type = find_block_type(type);
    if (tensor.type == nullptr)
      return wrong(
          fmt::format("type {} is not known: it is newer than this program, or was given up by "
                      "llama.cpp; quantise the model anew",
                      type));
    if (tensor.shape.back() % tensor.type->numbers != 0)
      return wrong(fmt::format("rows of {} numbers are no whole blocks of {} ({})", tensor.shape.back(),
                               tensor.type->numbers, tensor.type->name));
    place.size = numbers / tensor.type->numbers * tensor.type->bytes;
    places_.push_back(place);
    out_.tensors.push_back(std::move(tensor));
    return true;
  }

  bool alignment(std::uint64_t& value) {
    const auto found = out_.metadata.find("general.alignment");
    if (found == out_.metadata.end()) return true;
    if (found->is_number_unsigned()) value = found->get<std::uint64_t>();
    if (!found->is_number_unsigned() || !std::has_single_bit(value) || value > largest_alignment)
      return fail(fmt::format("key 'general.alignment' is {}; expected a power of two", found->dump()));
    return true;
  }

  /// Where the data stand, and that no two tensors share a byte.
  bool lay_out() {
    std::uint64_t unit = 32;
    if (!alignment(unit)) return false;
    if (places_.empty()) return true;
    const std::uint64_t start = (at_ + unit - 1) / unit * unit;
    const std::uint64_t room = start > bytes_.size() ? 0 : bytes_.size() - start;
    std::vector<std::size_t> order(places_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::sort(order, {}, [&](std::size_t i) { return places_[i].offset; });
    std::uint64_t end = 0;
    std::string_view before;
    for (const std::size_t i : order) {
      const Place& place = places_[i];
      GgufTensor& tensor = out_.tensors[i];
      if (place.offset % unit != 0)
        return fail(fmt::format("tensor '{}': its offset {} is no multiple of the alignment {}", tensor.name,
                                place.offset, unit));
      if (place.offset > room || place.size > room - place.offset)
        return fail(
            fmt::format("tensor '{}': {} bytes at offset {} of the data, of which the file holds {}; "
                        "it is cut off",
                        tensor.name, place.size, place.offset, room));
      if (place.offset < end)
        return fail(fmt::format("tensor '{}' overlaps tensor '{}'", tensor.name, before));
      end = place.offset + place.size;
      before = tensor.name;
      tensor.bytes = bytes_.subspan(static_cast<std::size_t>(start + place.offset),
                                    static_cast<std::size_t>(place.size));
    }
    return true;
  }

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  std::uint64_t tensors_ = 0, values_ = 0;
  std::vector<Place> places_;  // of out_.tensors
  std::string problem_;
  GgufFile out_;
};

}  // namespace

Expected<GgufFile> parse_gguf(std::span<const std::byte> bytes, std::string_view name) {
  return GgufReader(bytes, name).run();
}

Expected<GgufFile> read_gguf(const std::filesystem::path& path) {
  const auto mapped = input::MappedFile::open(path);
  if (!mapped) return tl::unexpected(mapped.error());
  auto file = parse_gguf((*mapped)->bytes(), path.string());
  if (file) file->storage = *mapped;
  return file;
}

}  // namespace pastonly::checkpoint
