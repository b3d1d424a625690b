#pragma once

#include <string>
#include <string_view>

#include "pastonly/chart.h"
#include "report/writer.h"

namespace pastonly::report {

/// A piece of SVG whose upper left corner is (0, 0).
struct Drawing {
  std::string body;
  double height = 0.0;
};

/// Draws the chart with its title, axes and legend. Colours follow the reader's light or dark scheme and can
/// be told apart by colour-blind people; the classes it uses are in `svg_style`.
Drawing draw(const Chart& chart, double width);
/// The style sheet of drawings.
std::string_view svg_style() noexcept;
/// Text for XML, whatever its bytes.
std::string xml_text(std::string_view text);

/// One self-contained picture with all charts of the report, one below the other.
std::string write_svg(const Report& report, const TextStyle& style);

}  // namespace pastonly::report
