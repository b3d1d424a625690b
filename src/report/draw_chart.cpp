#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "report/chart_parts.h"
#include "report/paragraph.h"
#include "report/svg.h"

namespace pastonly::report {
namespace {

// Okabe and Ito's colours without black and yellow, which one of the schemes would swallow.
constexpr std::array<const char*, 6> colours{"#0072b2", "#d55e00", "#009e73",
                                             "#cc79a7", "#e69f00", "#56b4e9"};
constexpr std::array<const char*, 4> dashes{"", "6 3", "2 3", "8 3 2 3"};

const char* colour_of(std::size_t i) { return colours[i % colours.size()]; }
std::string dash_of(std::size_t i) {
  const char* dash = dashes[(i / colours.size()) % dashes.size()];
  return *dash == '\0' ? "" : fmt::format(" stroke-dasharray=\"{}\"", dash);
}

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
  /// What differs by less than a twentieth is drawn flat.
  void widen() {
    const double missing = 0.05 * std::max(std::abs(least), std::abs(most)) - (most - least);
    if (!(missing > 0.0) || !std::isfinite(missing)) return;
    least -= missing / 2.0;
    most += missing / 2.0;
  }
};

std::string axes(const Chart& chart, const Frame& frame) {
  std::string out;
  for (const double tick : ticks_of(frame.y)) {
    const double y = frame.y.at(tick);
    out += fmt::format("<path class=\"grid\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", frame.left, y, frame.right);
    out += text_at(frame.left - 6.0, y + 4.0, short_number(tick), "end");
  }
  for (const double tick : ticks_of(frame.x)) {
    const double x = frame.x.at(tick);
    out += fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}v4\"/>\n", x, frame.bottom);
    out += text_at(x, frame.bottom + 17.0, short_number(tick), "middle");
  }
  out += fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}V{:.1f}H{:.1f}\"/>\n", frame.left, frame.top,
                     frame.bottom, frame.right);
  out += text_at((frame.left + frame.right) / 2.0, frame.bottom + 34.0, chart.x, "middle");
  out += upright(chart_margin + 4.0, (frame.top + frame.bottom) / 2.0, chart.y);
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
  out.body = text_at(chart_margin, 16.0, chart.title, "start", "title");
  double top = chart_title_height;
  if (!(x.most >= x.least)) {
    out.body += text_at(chart_margin, top + 14.0, "nothing to show");
    out.height = top + 24.0;
    return out;
  }
  if (lines) y.widen();
  if (chart.series.size() > 1) out.body += legend(chart, chart_margin, width - chart_margin, top);
  Frame frame{};
  frame.left = 78.0;
  frame.right = width - chart_margin - (lines ? 0.0 : 24.0);
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

}  // namespace

Drawing draw(const Chart& chart, double width) {
  constexpr double letter = 8.0, line = 18.0;
  const auto draw_one = [&](const Chart& one) {
    return one.kind == Chart::Kind::heat_map ? draw_heat_map(one, width) : draw_series(one, width);
  };
  const auto fits = static_cast<std::size_t>((width - 2.0 * chart_margin) / letter);
  if (columns(chart.title) <= fits) return draw_one(chart);
  // The last line of a long title stands where a short one does; the others above it.
  Chart last = chart;
  last.title = wrapped(chart.title, 0, fits);
  std::string above;
  double top = 0.0;
  for (auto end = last.title.find('\n'); end != std::string::npos; end = last.title.find('\n')) {
    above += text_at(chart_margin, top + 16.0, last.title.substr(0, end), "start", "title");
    last.title.erase(0, end + 1);
    top += line;
  }
  Drawing out = draw_one(last);
  out.body = above + fmt::format("<g transform=\"translate(0 {:.1f})\">\n{}</g>\n", top, out.body);
  out.height += top;
  return out;
}

}  // namespace pastonly::report
