#pragma once

#include <string_view>

namespace pastonly::cli {

/// Text on stderr, as it stands. Where stderr cannot be written it is lost: neither a verdict nor a report
/// hangs on it.
void tell(std::string_view text) noexcept;
/// "pastonly: LINE", made printable, with its end of line.
void tell_line(std::string_view line);

/// To be called first: descriptors 0 to 2 that are closed are taken by /dev/null, so that no file that is
/// opened later gets what is meant for them. Writing to a stdout that was closed remains an error.
void hold_standard_streams() noexcept;

}  // namespace pastonly::cli
