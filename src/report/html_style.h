#pragma once

#include <string_view>

namespace pastonly::report {

/// The style sheet of the page, without that of drawings. Text keeps a contrast of 4.5 to 1 in both schemes
/// (WCAG 2.2, level AA), on the shades of heat maps as well.
std::string_view html_style() noexcept;

}  // namespace pastonly::report
