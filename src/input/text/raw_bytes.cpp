#include "input/text/raw_bytes.h"

#include "input/text/code_point.h"

namespace pastonly::input {
namespace {

constexpr std::uint32_t first_raw = 0xEF80, last_raw = 0xEFFF;  // stand for 0x80 to 0xFF

bool stands_for_a_byte(const CodePoint& point) { return point.value >= first_raw && point.value <= last_raw; }

/// U+EF00 + byte, for a byte from 0x80 on.
void put_raw(unsigned char byte, std::string& out) {
  out += '\xEE';
  out += static_cast<char>(0xBC | (byte >> 6U));
  out += static_cast<char>(0x80 | (byte & 0x3FU));
}

}  // namespace

std::string text_of_bytes(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const auto point = first_code_point(bytes);
    const std::size_t count = point ? point->bytes : 1;
    if (point && !stands_for_a_byte(*point)) {
      out += bytes.substr(0, count);
    } else {
      for (const char byte : bytes.substr(0, count)) put_raw(static_cast<unsigned char>(byte), out);
    }
    bytes.remove_prefix(count);
  }
  return out;
}

std::string bytes_of_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto point = first_code_point(text);
    const std::size_t count = point ? point->bytes : 1;
    if (point && stands_for_a_byte(*point)) {
      out += static_cast<char>(point->value & 0xFFU);
    } else {
      out += text.substr(0, count);
    }
    text.remove_prefix(count);
  }
  return out;
}

}  // namespace pastonly::input
