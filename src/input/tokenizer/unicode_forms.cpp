#include "input/tokenizer/unicode_forms.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "input/text/code_point.h"

namespace pastonly::input {
namespace {

bool is_ascii(char c) noexcept { return static_cast<unsigned char>(c) < 0x80; }

/// Han of the two large blocks: like ASCII, none of them is changed, reordered or composed with what stands
/// before.
bool stands_alone(std::uint32_t code) noexcept {
  return code < 0x80 || (code >= 0x3400 && code < 0x4dc0) || (code >= 0x4e00 && code < 0xa000);
}

void append_code(std::string& out, utf8proc_int32_t code) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const auto count = utf8proc_encode_char(code, bytes.data());
  out.append(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::size_t>(std::max<utf8proc_ssize_t>(count, 0)));
}

/// Sorts every run of combining marks by class, as the annex says. The library's own ordering takes quadratic
/// time.
void order_marks(std::vector<utf8proc_int32_t>& codes) {
  const auto mark_class = [](utf8proc_int32_t code) { return utf8proc_get_property(code)->combining_class; };
  for (auto at = codes.begin(); at != codes.end();) {
    if (mark_class(*at) == 0) {
      ++at;
      continue;
    }
    const auto end = std::find_if(at, codes.end(), [&](auto code) { return mark_class(code) == 0; });
    std::stable_sort(at, end, [&](auto a, auto b) { return mark_class(a) < mark_class(b); });
    at = end;
  }
}

/// One stretch, appended. `codes`: scratch.
void append_form(std::string_view text, UnicodeForm form, std::vector<utf8proc_int32_t>& codes,
                 std::string& out) {
  const bool compatible = form == UnicodeForm::nfkc || form == UnicodeForm::nfkd;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_STABLE |
                                                      (compatible ? UTF8PROC_COMPAT : 0));
  codes.clear();
  while (!text.empty()) {
    const auto point = first_code_point(text);
    if (!point) return;                        // the text is UTF-8
    std::array<utf8proc_int32_t, 32> parts{};  // the longest decomposition has 18
    int bound_class = 0;
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(point->value), parts.data(),
                                               parts.size(), options, &bound_class);
    if (count > 0 && static_cast<std::size_t>(count) <= parts.size())
      codes.insert(codes.end(), parts.begin(), parts.begin() + count);
    else
      codes.push_back(static_cast<utf8proc_int32_t>(point->value));
    text.remove_prefix(point->bytes);
  }
  order_marks(codes);
  auto count = static_cast<utf8proc_ssize_t>(codes.size());
  if (form == UnicodeForm::nfc || form == UnicodeForm::nfkc)
    count = utf8proc_normalize_utf32(codes.data(), count,
                                     static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  for (utf8proc_ssize_t i = 0; i < count; ++i) append_code(out, codes[static_cast<std::size_t>(i)]);
}

}  // namespace

std::string normal_form(std::string_view text, UnicodeForm form) {
  std::string out;
  out.reserve(text.size());
  std::vector<utf8proc_int32_t> codes;
  std::size_t begin = 0;  // of the stretch at hand: what stands alone, and then what may join it
  bool plain = true;      // all of it stands alone
  for (std::size_t at = 0; at <= text.size();) {
    const auto point = at < text.size() ? first_code_point(text.substr(at)) : CodePoint{0, 1};
    const std::size_t bytes = point ? point->bytes : 1;
    if (!point || stands_alone(point->value)) {
      // Everything before is done: nothing joins across the beginning of such a character.
      if (plain)
        out.append(text, begin, at - begin);
      else
        append_form(text.substr(begin, at - begin), form, codes, out);
      begin = at;
      plain = true;
    } else {
      plain = false;
    }
    at += bytes;
  }
  return out;
}

std::string lower_case(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto point = first_code_point(text);
    const std::size_t bytes = point ? point->bytes : 1;
    if (point && point->value == 0x130)  // the one character whose lower case is two
      out += "i\xcc\x87";
    else if (point)
      append_code(out, utf8proc_tolower(static_cast<utf8proc_int32_t>(point->value)));
    text.remove_prefix(bytes);
  }
  return out;
}

bool is_white_space(std::uint32_t code) noexcept {
  return (code >= 9 && code <= 13) || code == 0x20 || code == 0x85 || code == 0xa0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 || code == 0x202f ||
         code == 0x205f || code == 0x3000;
}

std::size_t leading_space(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto point = first_code_point(text.substr(at));
    if (!point || !is_white_space(point->value)) break;
    at += point->bytes;
  }
  return at;
}

std::size_t trailing_space(std::string_view text) noexcept {
  std::size_t end = text.size();
  while (end > 0) {
    std::size_t begin = end - 1;
    while (begin > 0 && !is_ascii(text[begin]) && (static_cast<unsigned char>(text[begin]) & 0xc0U) == 0x80U)
      --begin;
    const auto point = first_code_point(text.substr(begin));
    if (!point || !is_white_space(point->value)) break;
    end = begin;
  }
  return text.size() - end;
}

std::size_t valid_utf8(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size()) {
    if (is_ascii(text[at])) {
      ++at;
      continue;
    }
    const auto point = first_code_point(text.substr(at));
    if (!point) break;
    at += point->bytes;
  }
  return at;
}

}  // namespace pastonly::input
