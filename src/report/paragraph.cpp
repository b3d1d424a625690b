#include "report/paragraph.h"

#include "input/text/printable.h"

namespace pastonly::report {
namespace {

bool starts_code_point(char byte) noexcept { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }

}  // namespace

std::size_t columns(std::string_view text) noexcept {
  std::size_t count = 0;
  for (const char byte : text) count += starts_code_point(byte) ? 1U : 0U;
  return count;
}

std::string padded(std::string_view text, std::size_t width) {
  std::string out = input::printable(text);
  const std::size_t used = columns(out);
  if (used < width) out.append(width - used, ' ');
  return out;
}

std::string shortened(std::string_view text, std::size_t width) {
  if (columns(text) <= width) return std::string(text);
  std::size_t end = 0, count = 0;
  for (; end < text.size(); ++end) {
    if (starts_code_point(text[end]) && ++count == width) break;
  }
  return std::string(text.substr(0, end)) + "…";
}

std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  std::size_t column = indent;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    const std::string word = input::printable(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    const std::size_t size = columns(word);
    if (column > indent && column + 1 + size > width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += size;
  }
  return out;
}

std::string table_note(std::string_view text, std::size_t width) {
  return "  " + wrapped(text, 2, width) + "\n";
}

std::string inked(std::string_view text, Ink ink, bool color) {
  if (!color) return input::printable(text);
  static constexpr std::string_view codes[] = {"31;1", "32;1", "33", "1", "2"};
  return "\x1b[" + std::string(codes[static_cast<std::size_t>(ink)]) + "m" + input::printable(text) +
         "\x1b[0m";
}

}  // namespace pastonly::report
