#include "report/bars.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/paragraph.h"

namespace pastonly::report {
namespace {

constexpr double bar_pitch = 24.0;
constexpr double bar_height = 14.0;
constexpr double bars_top = 34.0;
constexpr std::size_t longest_bar_name = 42;

std::string bar_label(double x, double y, const std::string& text, const char* anchor) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" class=\"small\">{}</text>\n", x, y,
                     anchor, xml_text(text));
}

/// Figures to places along the bars.
struct BarScale {
  double least = 0.0, most = 0.0, left = 0.0, right = 0.0;
  bool dots = false;  ///< from the least figure on: a bar would have to begin at 0

  double at(double value) const { return left + (value - least) / (most - least) * (right - left); }
};

BarScale bar_scale(const std::vector<Bar>& bars, std::optional<double> line, double reach, double width) {
  double least = line.value_or(bars.front().value), most = least;
  for (const Bar& bar : bars) {
    least = std::min({least, bar.value, bar.lower.value_or(bar.value)});
    most = std::max({most, bar.value, bar.upper.value_or(bar.value)});
  }
  BarScale scale{least, most, 16.0 + 6.2 * longest_bar_name, width - 76.0, least > 0.5 * most && least > 0.0};
  if (most - least < reach && scale.dots) {
    const double middle = (least + most) / 2.0;
    least = middle - reach / 2.0;
    most = middle + reach / 2.0;
  }
  const double room = std::max(0.08 * (most - least), 1e-9 * std::abs(most) + 1e-12);
  scale.least = scale.dots ? least - room : std::min(least, 0.0);
  scale.most = std::max(most, scale.dots ? most : reach) + room;
  return scale;
}

/// Small ones as others are written: 0.0001, not 1e-04.
std::string bar_figure(double value) {
  return value != 0.0 && std::abs(value) < 1e-3 ? fmt::format("{:.5f}", value) : fmt::format("{:.4g}", value);
}

std::string drawn_bar(const Bar& bar, const BarScale& scale, double y) {
  const double middle = y + bar_height / 2.0, to = scale.at(bar.value);
  std::string out;
  if (!scale.dots) {
    const double zero = scale.at(0.0);
    out +=
        fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.0f}\" fill=\"#0072b2\"/>\n",
                    std::min(zero, to), y, std::max(std::abs(to - zero), 1.0), bar_height);
  }
  if (bar.lower && bar.upper) {
    out += fmt::format(
        "<path class=\"axis\" style=\"stroke-opacity:1\" d=\"M{0:.1f} {2:.1f}H{1:.1f}M{0:.1f} "
        "{3:.1f}v6M{1:.1f} "
        "{3:.1f}v6\"/>\n",
        scale.at(*bar.lower), scale.at(*bar.upper), middle, middle - 3.0);
  }
  if (scale.dots)
    out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"#0072b2\"/>\n", to, middle);
  return out + bar_label(scale.right + 8.0, y + 11.0, bar_figure(bar.value), "start");
}

}  // namespace

Drawing draw_bars(const std::string& title, const std::vector<Bar>& bars, const std::string& unit,
                  std::optional<double> line, double reach, double width) {
  const BarScale scale = bar_scale(bars, line, reach, width);
  const double bottom = bars_top + bar_pitch * static_cast<double>(bars.size());
  Drawing out;
  out.height = bottom + 30.0;
  out.body = fmt::format("<text x=\"16\" y=\"16\" class=\"title\">{}</text>\n", xml_text(title));
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const double y = bars_top + bar_pitch * static_cast<double>(i);
    out.body += bar_label(scale.left - 8.0, y + 11.0, shortened(bars[i].name, longest_bar_name), "end");
    out.body += drawn_bar(bars[i], scale, y);
  }
  out.body += fmt::format("<path class=\"axis\" d=\"M{0:.1f} {1:.1f}V{2:.1f}\"/>\n",
                          scale.dots ? scale.left : scale.at(0.0), bars_top - 4.0, bottom);
  if (line) {
    out.body += fmt::format(
        "<path class=\"line\" stroke=\"#d55e00\" stroke-dasharray=\"6 3\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>\n",
        scale.at(*line), bars_top - 4.0, bottom);
  }
  out.body += bar_label(scale.left, bottom + 18.0, scale.dots ? unit + " (not from 0)" : unit, "start");
  return out;
}

}  // namespace pastonly::report
