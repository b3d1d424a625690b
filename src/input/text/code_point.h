#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pastonly::input {

struct CodePoint {
  std::uint32_t value;
  std::size_t bytes;
};

/// The code point at the start of the text; none where the bytes are no UTF-8 (overlong forms,
/// surrogates and values above U+10FFFF included). Requires text that is not empty.
std::optional<CodePoint> first_code_point(std::string_view text) noexcept;

}  // namespace pastonly::input
