#include "report/bars.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/paragraph.h"

namespace pastonly::report {
namespace {

constexpr double bar_pitch = 24.0;
constexpr double bar_height = 14.0;
constexpr double bars_top = 34.0;
constexpr std::size_t longest_bar_name = 30;

std::string bar_label(double x, double y, const std::string& text, const char* anchor) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" class=\"small\">{}</text>\n", x, y,
                     anchor, xml_text(text));
}

}  // namespace

Drawing draw_bars(const std::string& title, const std::vector<Bar>& bars, const std::string& unit,
                  std::optional<double> line, double width) {
  double least = std::min(0.0, line.value_or(0.0)), most = std::max(0.0, line.value_or(0.0));
  for (const Bar& bar : bars) {
    least = std::min({least, bar.value, bar.lower.value_or(bar.value)});
    most = std::max({most, bar.value, bar.upper.value_or(bar.value)});
  }
  if (most - least <= 0.0) most = least + 1.0;
  const double left = 16.0 + 6.6 * longest_bar_name, right = width - 86.0;
  const auto at = [&](double value) { return left + (value - least) / (most - least) * (right - left); };
  Drawing out;
  out.height = bars_top + bar_pitch * static_cast<double>(bars.size()) + 30.0;
  out.body = fmt::format("<text x=\"16\" y=\"16\" class=\"title\">{}</text>\n", xml_text(title));
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const Bar& bar = bars[i];
    const double y = bars_top + bar_pitch * static_cast<double>(i), from = at(std::min(0.0, bar.value)),
                 to = at(std::max(0.0, bar.value)), middle = y + bar_height / 2.0;
    out.body += bar_label(left - 8.0, y + 11.0, shortened(bar.name, longest_bar_name), "end");
    out.body +=
        fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.0f}\" fill=\"#0072b2\"/>\n",
                    from, y, std::max(to - from, 1.0), bar_height);
    double end = std::max(to, at(0.0));
    if (bar.lower && bar.upper) {
      out.body += fmt::format(
          "<path class=\"axis\" style=\"stroke-opacity:1\" d=\"M{0:.1f} {2:.1f}H{1:.1f}M{0:.1f} "
          "{3:.1f}v6M{1:.1f} "
          "{3:.1f}v6\"/>\n",
          at(*bar.lower), at(*bar.upper), middle, middle - 3.0);
      end = std::max(end, at(*bar.upper));
    }
    out.body += bar_label(end + 6.0, y + 11.0, fmt::format("{:.4g}", bar.value), "start");
  }
  const double bottom = bars_top + bar_pitch * static_cast<double>(bars.size());
  out.body +=
      fmt::format("<path class=\"axis\" d=\"M{0:.1f} {1:.1f}V{2:.1f}\"/>\n", at(0.0), bars_top - 4.0, bottom);
  if (line) {
    out.body += fmt::format(
        "<path class=\"line\" stroke=\"#d55e00\" stroke-dasharray=\"6 3\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>\n",
        at(*line), bars_top - 4.0, bottom);
  }
  out.body += bar_label(left, bottom + 18.0, unit, "start");
  return out;
}

}  // namespace pastonly::report
