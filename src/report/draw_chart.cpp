#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "report/svg.h"

namespace pastonly::report {
namespace {

constexpr double margin = 16.0;
constexpr double character = 7.2;  // width of one, about
constexpr double title_height = 26.0;
constexpr std::size_t most_cells = 200'000;  // of a heat map

// Okabe and Ito's colours without black and yellow, which one of the schemes would swallow.
constexpr std::array<const char*, 6> colours{"#0072b2", "#d55e00", "#009e73",
                                             "#cc79a7", "#e69f00", "#56b4e9"};
constexpr std::array<const char*, 4> dashes{"", "6 3", "2 3", "8 3 2 3"};

const char* colour_of(std::size_t i) { return colours[i % colours.size()]; }
std::string dash_of(std::size_t i) {
  const char* dash = dashes[(i / colours.size()) % dashes.size()];
  return *dash == '\0' ? "" : fmt::format(" stroke-dasharray=\"{}\"", dash);
}

std::string text_at(double x, double y, std::string_view text, const char* anchor = "start",
                    const char* style = "small") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" class=\"{}\">{}</text>\n", x, y,
                     anchor, style, xml_text(text));
}

/// Along the left edge, read from below.
std::string upright(double x, double y, std::string_view text) {
  return fmt::format(
      "<text transform=\"translate({:.1f} {:.1f}) rotate(-90)\" text-anchor=\"middle\" class=\"small\">{}"
      "</text>\n",
      x, y, xml_text(text));
}

double width_of(std::string_view text) { return character * static_cast<double>(text.size()); }
double widest(const std::vector<std::string>& texts) {
  double most = 0.0;
  for (const std::string& text : texts) most = std::max(most, width_of(text));
  return most;
}

std::string figure(double value) { return fmt::format("{:.4g}", value); }

/// Numbers to places on an axis.
struct AxisScale {
  double least = 0.0, most = 1.0;
  double from = 0.0, to = 1.0;  ///< where those two stand
  double step = 0.2;            ///< between ticks

  double at(double value) const { return from + (value - least) / (most - least) * (to - from); }
};

/// 1, 2 or 5 times a power of ten, such that about `ticks` of them fill the span.
double tick_step(double span, double ticks, bool whole) {
  const double rough = span / ticks;
  double power = 1.0;
  while (power > rough && power > 1e-300) power /= 10.0;
  while (10.0 * power <= rough && power < 1e300) power *= 10.0;
  double step = 10.0 * power;
  for (const double factor : {5.0, 2.0, 1.0}) {
    if (factor * power >= rough) step = factor * power;
  }
  return whole ? std::max(1.0, std::round(step)) : step;
}

AxisScale scale_of(double least, double most, double from, double to, double ticks, bool whole) {
  if (!(most > least)) {
    // Nothing but zeros, as of every causal model: above the axis, since no share is negative.
    const double room = std::max(std::abs(least) * 0.1, 0.5);
    most = least == 0.0 ? 1.0 : most + room;
    least -= least == 0.0 ? 0.0 : room;
  }
  return {least, most, from, to, tick_step(most - least, ticks, whole)};
}

std::vector<double> ticks_of(const AxisScale& scale) {
  std::vector<double> ticks;
  for (double i = std::ceil(scale.least / scale.step - 1e-9);
       i * scale.step <= scale.most + 1e-9 * scale.step; ++i) {
    ticks.push_back(i * scale.step + 0.0);  // no -0
    if (ticks.size() > 50) break;
  }
  return ticks;
}

/// The frame of lines and points: where the plot lies, and its scales.
struct Frame {
  AxisScale x, y;
  double left, right, top, bottom;
};

struct Range {
  double least = std::numeric_limits<double>::infinity();
  double most = -std::numeric_limits<double>::infinity();
  bool whole = true;
  void add(double value) {
    least = std::min(least, value);
    most = std::max(most, value);
    whole = whole && value == std::floor(value);
  }
};

std::string axes(const Chart& chart, const Frame& frame) {
  std::string out;
  for (const double tick : ticks_of(frame.y)) {
    const double y = frame.y.at(tick);
    out += fmt::format("<path class=\"grid\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", frame.left, y, frame.right);
    out += text_at(frame.left - 6.0, y + 4.0, figure(tick), "end");
  }
  for (const double tick : ticks_of(frame.x)) {
    const double x = frame.x.at(tick);
    out += fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}v4\"/>\n", x, frame.bottom);
    out += text_at(x, frame.bottom + 17.0, figure(tick), "middle");
  }
  out += fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}V{:.1f}H{:.1f}\"/>\n", frame.left, frame.top,
                     frame.bottom, frame.right);
  out += text_at((frame.left + frame.right) / 2.0, frame.bottom + 34.0, chart.x, "middle");
  out += upright(margin + 4.0, (frame.top + frame.bottom) / 2.0, chart.y);
  return out;
}

/// Names of the series from (left, top) on, in as many lines as they need; adds to `top`.
std::string legend(const Chart& chart, double left, double right, double& top) {
  std::string out;
  double x = left;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const double needed = 30.0 + width_of(chart.series[i].name);
    if (x > left && x + needed > right) {
      x = left;
      top += 18.0;
    }
    out += fmt::format("<path class=\"line\" stroke=\"{}\"{} d=\"M{:.1f} {:.1f}h18\"/>\n", colour_of(i),
                       dash_of(i), x, top + 8.0);
    out += text_at(x + 23.0, top + 12.0, chart.series[i].name);
    x += needed + 14.0;
  }
  top += 24.0;
  return out;
}

std::string band(const Chart::Series& series, const Frame& frame, const char* colour) {
  if (series.lower.empty()) return "";
  std::string path;
  const std::size_t n = series.x.size();
  if (n == 1) {
    return fmt::format("<path class=\"line\" stroke=\"{}\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>\n", colour,
                       frame.x.at(series.x[0]), frame.y.at(series.lower[0]), frame.y.at(series.upper[0]));
  }
  for (std::size_t i = 0; i < n; ++i)
    path += fmt::format("{}{:.1f} {:.1f}", i == 0 ? "M" : "L", frame.x.at(series.x[i]),
                        frame.y.at(series.upper[i]));
  for (std::size_t i = n; i-- > 0;)
    path += fmt::format("L{:.1f} {:.1f}", frame.x.at(series.x[i]), frame.y.at(series.lower[i]));
  return fmt::format("<path fill=\"{}\" fill-opacity=\".15\" d=\"{}Z\"/>\n", colour, path);
}

std::string line(const Chart::Series& series, const Frame& frame, std::size_t index) {
  std::string path, out = band(series, frame, colour_of(index));
  for (std::size_t i = 0; i < series.x.size(); ++i)
    path +=
        fmt::format("{}{:.1f} {:.1f}", i == 0 ? "M" : "L", frame.x.at(series.x[i]), frame.y.at(series.y[i]));
  if (series.x.size() > 1)
    out += fmt::format("<path class=\"line\" stroke=\"{}\"{} d=\"{}\"/>\n", colour_of(index), dash_of(index),
                       path);
  if (series.x.size() > 80) return out;
  for (std::size_t i = 0; i < series.x.size(); ++i)
    out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.5\" fill=\"{}\"/>\n",
                       frame.x.at(series.x[i]), frame.y.at(series.y[i]), colour_of(index));
  return out;
}

std::string cloud(const Chart::Series& series, const Frame& frame, std::size_t index) {
  std::string out;
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    const double x = frame.x.at(series.x[i]), y = frame.y.at(series.y[i]);
    out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"{}\" fill-opacity=\".8\"/>\n", x,
                       y, colour_of(index));
    if (!series.labels.empty() && series.x.size() <= 128) out += text_at(x + 6.0, y + 4.0, series.labels[i]);
  }
  return out;
}

/// Shares and counts read best from 0 on.
double from_zero(double least, double most) { return least > 0.0 && least < 0.6 * most ? 0.0 : least; }

Drawing draw_series(const Chart& chart, double width) {
  const bool lines = chart.kind == Chart::Kind::lines;
  Range x, y;
  for (const Chart::Series& series : chart.series) {
    for (const double value : series.x) x.add(value);
    for (const auto* list : {&series.y, &series.lower, &series.upper}) {
      for (const double value : *list) y.add(value);
    }
  }
  Drawing out;
  out.body = text_at(margin, 16.0, chart.title, "start", "title");
  double top = title_height;
  if (!(x.most >= x.least)) {
    out.body += text_at(margin, top + 14.0, "nothing to show");
    out.height = top + 24.0;
    return out;
  }
  if (chart.series.size() > 1) out.body += legend(chart, margin, width - margin, top);
  Frame frame{};
  frame.left = 78.0;
  frame.right = width - margin - (lines ? 0.0 : 24.0);
  frame.top = top + 6.0;
  frame.bottom = frame.top + (lines ? 240.0 : 420.0);
  frame.x = scale_of(x.least, x.most, frame.left + (lines ? 0.0 : 12.0), frame.right, 10.0, x.whole);
  frame.y = scale_of(lines ? from_zero(y.least, y.most) : y.least, y.most, frame.bottom, frame.top + 4.0, 6.0,
                     false);
  out.body += axes(chart, frame);
  for (std::size_t i = 0; i < chart.series.size(); ++i)
    out.body += lines ? line(chart.series[i], frame, i) : cloud(chart.series[i], frame, i);
  out.height = frame.bottom + 42.0;
  return out;
}

/// How a value is inked: its colour's class, and how much of it.
struct Shade {
  const char* style = "unknown";
  double share = 0.0;
};

class Shades {
 public:
  explicit Shades(const Chart& chart) : neutral_(chart.neutral) {
    Range range;
    for (const double value : chart.values) {
      if (!std::isnan(value)) range.add(value);
    }
    if (range.most >= range.least)
      least_ = range.least, most_ = range.most;
    else
      least_ = most_ = 0.0;
    if (neutral_) reach_ = std::max({most_ - *neutral_, *neutral_ - least_, 1e-300});
  }
  Shade of(double value) const {
    if (std::isnan(value)) return {};
    if (neutral_) return {value < *neutral_ ? "below" : "above", std::abs(value - *neutral_) / reach_};
    return {"above", most_ > least_ ? (value - least_) / (most_ - least_) : 0.0};
  }
  double least() const { return least_; }
  double most() const { return most_; }

 private:
  std::optional<double> neutral_;
  double least_ = 0.0, most_ = 0.0, reach_ = 1.0;
};

std::string cell(double x, double y, double w, double h, const Shade& shade, std::string_view told) {
  const bool known = std::string_view(shade.style) != "unknown";
  const std::string ink = known ? fmt::format(" fill-opacity=\"{:.3f}\"", shade.share) : "";
  const std::string about = told.empty() ? "" : fmt::format("<title>{}</title>", xml_text(told));
  return fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\" class=\"{}\"{}{}", x,
                     y, w, h, shade.style, ink, about.empty() ? "/>\n" : ">" + about + "</rect>\n");
}

/// What the shades mean: a strip with its least, neutral and greatest value.
std::string key(const Chart& chart, const Shades& shades, double width, double top) {
  constexpr int parts = 24;
  constexpr double part = 6.0;
  std::string out;
  const std::string least = figure(shades.least()),
                    most = fmt::format("{} {}", figure(shades.most()), chart.unit);
  const double left = width - margin - width_of(most) - 8.0 - parts * part;
  out += text_at(left - 6.0, top + 11.0, least, "end");
  for (int i = 0; i < parts; ++i) {
    const double value = shades.least() + (shades.most() - shades.least()) * (i + 0.5) / parts;
    out += cell(left + i * part, top, part + 0.3, 14.0, shades.of(value), "");
  }
  return out + text_at(left + parts * part + 6.0, top + 11.0, most);
}

Drawing draw_heat_map(const Chart& chart, double width) {
  const std::size_t rows = chart.rows.size(), columns = chart.columns.size();
  Drawing out;
  out.body = text_at(margin, 16.0, chart.title, "start", "title");
  if (rows == 0 || columns == 0 || rows * columns > most_cells) {
    out.body += text_at(
        margin, title_height + 14.0,
        rows * columns == 0
            ? "nothing to show"
            : fmt::format("{} by {} cells: too many to draw; the JSON report holds them", rows, columns));
    out.height = title_height + 24.0;
    return out;
  }
  const Shades shades(chart);
  out.body += key(chart, shades, width, title_height);
  const double left = margin + 20.0 + std::min(200.0, widest(chart.rows) + 8.0);
  const double top = title_height + 22.0;
  const double w = (width - margin - left) / static_cast<double>(columns);
  const double h = std::clamp(480.0 / static_cast<double>(rows), 6.0, 24.0);
  const bool told = rows * columns <= 8192;
  const bool written = w >= 42.0 && h >= 13.0;
  const auto every = static_cast<std::size_t>(
      std::ceil((widest(chart.columns) + 10.0) / w));  // so that the names of columns do not meet
  const auto every_row = static_cast<std::size_t>(std::ceil(12.0 / h));
  for (std::size_t r = 0; r < rows; ++r) {
    const double y = top + static_cast<double>(r) * h;
    if (r % every_row == 0) out.body += text_at(left - 6.0, y + h / 2.0 + 4.0, chart.rows[r], "end");
    for (std::size_t c = 0; c < columns; ++c) {
      const double value = chart.values[r * columns + c], x = left + static_cast<double>(c) * w;
      const std::string words =
          std::isnan(value) ? "not known" : fmt::format("{} {}", figure(value), chart.unit);
      out.body += cell(
          x, y, w, h, shades.of(value),
          told ? fmt::format("{} {}, {} {}: {}", chart.y, chart.rows[r], chart.x, chart.columns[c], words)
               : "");
      if (written && !std::isnan(value))
        out.body += text_at(x + w / 2.0, y + h / 2.0 + 4.0, fmt::format("{:.2g}", value), "middle");
    }
  }
  const double bottom = top + static_cast<double>(rows) * h;
  for (std::size_t c = 0; c < columns; c += every)
    out.body += text_at(left + (static_cast<double>(c) + 0.5) * w, bottom + 15.0, chart.columns[c], "middle");
  out.body += text_at((left + width - margin) / 2.0, bottom + 32.0, chart.x, "middle");
  out.body += upright(margin + 4.0, (top + bottom) / 2.0, chart.y);
  out.height = bottom + 40.0;
  return out;
}

}  // namespace

Drawing draw(const Chart& chart, double width) {
  return chart.kind == Chart::Kind::heat_map ? draw_heat_map(chart, width) : draw_series(chart, width);
}

}  // namespace pastonly::report
