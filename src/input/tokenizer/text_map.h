#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace pastonly::input {

/// Eight bytes at a time, each mixed in by the finaliser of splitmix64. Not proof against texts that are made
/// to collide.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    std::uint64_t hash = text.size();
    for (; text.size() >= 8; text.remove_prefix(8)) hash = mixed(hash ^ word(text.data(), 8));
    return mixed(hash ^ word(text.data(), text.size()));
  }

 private:
  static std::uint64_t word(const char* data, std::size_t bytes) noexcept {
    std::uint64_t out = 0;
    if (bytes > 0) std::memcpy(&out, data, bytes);
    return out;
  }
  static std::uint64_t mixed(std::uint64_t value) noexcept {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31);
  }
};

/// Values by names, looked up by parts of a text.
template <class Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

}  // namespace pastonly::input
