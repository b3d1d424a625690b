#pragma once

#include <string>
#include <utility>

#include "pastonly/error.h"

namespace pastonly::input {

/// Text that may hold names out of a hostile file, without the control characters that would act on a
/// terminal or break a line.
inline std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

/// For Expected::map_error, on every way out of a reader.
inline Error printable(Error error) {
  error.message = printable(std::move(error.message));
  return error;
}
inline constexpr auto make_printable = [](Error error) { return printable(std::move(error)); };

}  // namespace pastonly::input
