#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace pastonly::checkpoint {

/// A place in the bytes of a GGUF file, and the first thing wrong with them. What reads says false where it
/// goes no further.
class GgufCursor {
 public:
  explicit GgufCursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  std::size_t at() const noexcept { return at_; }
  std::size_t left() const noexcept { return bytes_.size() - at_; }
  const std::string& problem() const noexcept { return problem_; }

  bool fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }
  bool ends(std::string_view where) {
    return fail(
        fmt::format("the file ends in {}, at byte {}; it is cut off, or no GGUF", where, bytes_.size()));
  }

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

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  std::string problem_;
};

/// Keys and names of tensors: printable ASCII without spaces, at most 65,535 bytes.
inline bool is_gguf_name(std::string_view name) {
  return !name.empty() && name.size() <= 65535 &&
         std::ranges::all_of(name, [](char c) { return c > 32 && c < 127; });
}

}  // namespace pastonly::checkpoint
