#include "report/chart_parts.h"

#include <fmt/format.h>

#include <algorithm>

namespace pastonly::report {

std::string text_at(double x, double y, std::string_view text, const char* anchor, const char* style) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" class=\"{}\">{}</text>\n", x, y,
                     anchor, style, xml_text(text));
}

std::string upright(double x, double y, std::string_view text) {
  return fmt::format(
      "<text transform=\"translate({:.1f} {:.1f}) rotate(-90)\" text-anchor=\"middle\" class=\"small\">{}"
      "</text>\n",
      x, y, xml_text(text));
}

double width_of(std::string_view text) { return 7.2 * static_cast<double>(text.size()); }
double widest(const std::vector<std::string>& texts) {
  double most = 0.0;
  for (const std::string& text : texts) most = std::max(most, width_of(text));
  return most;
}

std::string short_number(double value) { return fmt::format("{:.4g}", value); }

}  // namespace pastonly::report
