#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "pastonly/error.h"

namespace pastonly::input {

/// Text that may hold names out of a hostile file, safe on a terminal and in a log: '?' stands for each
/// control character (C0, DEL, C1; line breaks too), each invisible character that reorders or hides text
/// (bidirectional and zero-width ones), and each byte that is no UTF-8.
std::string printable(std::string_view text);

/// For Expected::map_error, on every way out of a reader.
inline Error printable(Error error) {
  error.message = printable(error.message);
  return error;
}
inline constexpr auto make_printable = [](Error error) { return printable(std::move(error)); };

}  // namespace pastonly::input
