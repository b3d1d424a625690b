#include "input/text/printable.h"

#include <cstddef>
#include <cstdint>

#include "input/text/code_point.h"

namespace pastonly::input {

namespace {

bool harmful(std::uint32_t value) {
  const auto within = [&](std::uint32_t first, std::uint32_t last) {
    return value >= first && value <= last;
  };
  return value < 0x20 || within(0x7F, 0x9F) ||         // controls
         value == 0x61C || within(0x200B, 0x200F) ||   // zero-width characters and direction marks
         within(0x2028, 0x202E) ||                     // line separators, embeddings and overrides
         within(0x2060, 0x206F) || value == 0xFEFF ||  // joiners, isolates, byte order mark
         (value & 0xFFFE) == 0xFFFE;                   // no characters, which XML refuses
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto point = first_code_point(text);
    const std::size_t bytes = point ? point->bytes : 1;
    if (!point || harmful(point->value)) {
      out += '?';
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  return out;
}

}  // namespace pastonly::input
