#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "report/chart_parts.h"
#include "report/paragraph.h"
#include "report/svg.h"

namespace pastonly::report {
namespace {

constexpr std::size_t most_cells = 200'000;

/// How a value is inked: its colour's class, and how much of it.
struct Shade {
  const char* style = "unknown";
  double share = 0.0;
};

class Shades {
 public:
  explicit Shades(const Chart& chart) : neutral_(chart.neutral), forbidden_(chart.forbidden) {
    bool any = false;
    for (const double value : chart.values) {
      if (std::isnan(value)) continue;
      least_ = any ? std::min(least_, value) : value;
      most_ = any ? std::max(most_, value) : value;
      any = true;
    }
    // What lies within a tenth of the neutral value is no contrast worth a full colour.
    if (neutral_)
      reach_ = std::max({most_ - *neutral_, *neutral_ - least_, 0.1 * std::abs(*neutral_), 1e-300});
  }
  Shade of(double value) const {
    if (std::isnan(value)) return {};
    // A single change of many must be seen.
    if (forbidden_) return value > 0.0 ? Shade{"crime", 0.5 + 0.5 * value / most_} : Shade{"below", 0.3};
    if (neutral_) return {value < *neutral_ ? "below" : "above", std::abs(value - *neutral_) / reach_};
    return {"above", most_ > least_ ? (value - least_) / (most_ - least_) : 0.0};
  }
  double least() const { return least_; }
  double most() const { return most_; }

 private:
  std::optional<double> neutral_;
  bool forbidden_ = false;
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
  const std::string least = short_number(shades.least()),
                    most = fmt::format("{} {}", short_number(shades.most()), chart.unit);
  const double left = width - chart_margin - width_of(most) - 8.0 - parts * part;
  out += text_at(left - 6.0, top + 11.0, least, "end");
  for (int i = 0; i < parts; ++i) {
    const double value = shades.least() + (shades.most() - shades.least()) * (i + 0.5) / parts;
    out += cell(left + i * part, top, part + 0.3, 14.0, shades.of(value), "");
  }
  return out + text_at(left + parts * part + 6.0, top + 11.0, most);
}

/// Three kinds of cells, each with its words.
std::string forbidden_key(const Chart& chart, const Shades& shades, double top) {
  double left = chart_margin;
  std::string out;
  const auto add = [&](double value, const std::string& words) {
    out += cell(left, top, 14.0, 14.0, shades.of(value), "") + text_at(left + 19.0, top + 11.0, words);
    left += width_of(words) + 26.0;
  };
  if (shades.most() > 0.0)
    add(shades.most(), fmt::format("changed, up to {} {}", short_number(shades.most()), chart.unit));
  add(0.0, "asked, unchanged");
  add(std::numeric_limits<double>::quiet_NaN(), "not asked");
  return out;
}

/// Above the line stand later tokens: there, nothing may change.
std::string diagonal(double left, double right, double top, double bottom) {
  return fmt::format("<path class=\"axis\" stroke-dasharray=\"4 3\" d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\"/>\n",
                     left, top, right, bottom) +
         text_at(left + 0.3 * (right - left), top + 0.75 * (bottom - top), "the past may change a decision",
                 "middle");
}

constexpr std::size_t longest_row_name = 27;  // as much as stands in the room for it

}  // namespace

Drawing draw_heat_map(const Chart& chart, double width) {
  const std::size_t rows = chart.rows.size(), columns = chart.columns.size();
  Drawing out;
  out.body = text_at(chart_margin, 16.0, chart.title, "start", "title");
  if (rows == 0 || columns == 0 || rows * columns > most_cells) {
    out.body += text_at(
        chart_margin, chart_title_height + 14.0,
        rows * columns == 0
            ? "nothing to show"
            : fmt::format("{} by {} cells: too many to draw; the JSON report holds them", rows, columns));
    out.height = chart_title_height + 24.0;
    return out;
  }
  const Shades shades(chart);
  out.body += chart.forbidden ? forbidden_key(chart, shades, chart_title_height)
                              : key(chart, shades, width, chart_title_height);
  const double left = chart_margin + 20.0 + std::min(200.0, widest(chart.rows) + 8.0);
  const double top = chart_title_height + 22.0;
  const double w = (width - chart_margin - left) / static_cast<double>(columns);
  const double h = std::clamp(480.0 / static_cast<double>(rows), 6.0, 24.0);
  const bool told = rows * columns <= 8192;
  const bool written = w >= 42.0 && h >= 13.0;
  const auto every = static_cast<std::size_t>(
      std::ceil((widest(chart.columns) + 10.0) / w));  // so that the names of columns do not meet
  const auto every_row = static_cast<std::size_t>(std::ceil(12.0 / h));
  if (chart.forbidden)
    out.body += cell(left, top, width - chart_margin - left, static_cast<double>(rows) * h, Shade{}, "");
  for (std::size_t r = 0; r < rows; ++r) {
    const double y = top + static_cast<double>(r) * h;
    if (r % every_row == 0)
      out.body += text_at(left - 6.0, y + h / 2.0 + 4.0, shortened(chart.rows[r], longest_row_name), "end");
    for (std::size_t c = 0; c < columns; ++c) {
      const double value = chart.values[r * columns + c], x = left + static_cast<double>(c) * w;
      if (chart.forbidden && std::isnan(value)) continue;
      const std::string words =
          std::isnan(value) ? "not known" : fmt::format("{} {}", short_number(value), chart.unit);
      out.body += cell(
          x, y, w, h, shades.of(value),
          told ? fmt::format("{} {}, {} {}: {}", chart.y, chart.rows[r], chart.x, chart.columns[c], words)
               : "");
      if (written && !chart.forbidden && !std::isnan(value))
        out.body += text_at(x + w / 2.0, y + h / 2.0 + 4.0, fmt::format("{:.2g}", value), "middle", "cell");
    }
  }
  const double bottom = top + static_cast<double>(rows) * h;
  if (chart.forbidden && rows == columns) out.body += diagonal(left, width - chart_margin, top, bottom);
  for (std::size_t c = 0; c < columns; c += every)
    out.body += text_at(left + (static_cast<double>(c) + 0.5) * w, bottom + 15.0, chart.columns[c], "middle");
  out.body += text_at((left + width - chart_margin) / 2.0, bottom + 32.0, chart.x, "middle");
  out.body += upright(chart_margin + 4.0, (top + bottom) / 2.0, chart.y);
  out.height = bottom + 40.0;
  return out;
}

}  // namespace pastonly::report
