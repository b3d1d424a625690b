#include "report/chart_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

namespace pastonly::report {
namespace {

/// Differences of such numbers are numbers, too.
bool can_be_drawn(double number) { return std::abs(number) <= 1e100; }
bool can_be_drawn(const std::vector<double>& numbers) {
  return std::ranges::all_of(numbers, [](double number) { return can_be_drawn(number); });
}

bool fits(std::size_t optional_size, std::size_t size) { return optional_size == 0 || optional_size == size; }

std::string flaw_of(const Chart::Series& series) {
  const std::size_t n = series.x.size();
  if (series.y.size() != n || !fits(series.lower.size(), n) || !fits(series.labels.size(), n) ||
      series.lower.size() != series.upper.size())
    return "the lists of a series differ in length";
  for (const auto* list : {&series.x, &series.y, &series.lower, &series.upper}) {
    if (!can_be_drawn(*list)) return "a series holds a number that cannot be drawn";
  }
  return "";
}

/// Why it is none that can be drawn, or "": sizes that do not fit each other, numbers beyond 1e100.
std::string flaw_of(const Chart& chart) {
  if (chart.neutral && !can_be_drawn(*chart.neutral)) return "its neutral value cannot be drawn";
  if (chart.kind == Chart::Kind::heat_map) {
    const bool odd =
        std::ranges::any_of(chart.values, [](double v) { return !std::isnan(v) && !can_be_drawn(v); });
    if (odd) return "a value cannot be drawn";
    return chart.values.size() == chart.rows.size() * chart.columns.size()
               ? ""
               : "values are not rows times columns";
  }
  for (const Chart::Series& series : chart.series) {
    if (auto flaw = flaw_of(series); !flaw.empty()) return flaw;
  }
  return "";
}

constexpr std::array<std::string_view, 3> kinds{"heat_map", "lines", "points"};  // as Chart::Kind

Json numbers_json(const std::vector<double>& numbers) {
  Json json = Json::array();
  for (const double number : numbers) json.push_back(std::isfinite(number) ? Json(number) : Json(nullptr));
  return json;
}

Json series_json(const Chart::Series& series) {
  Json json{{"name", series.name}, {"x", numbers_json(series.x)}, {"y", numbers_json(series.y)}};
  if (!series.lower.empty()) {
    json["lower"] = numbers_json(series.lower);
    json["upper"] = numbers_json(series.upper);
  }
  if (!series.labels.empty()) json["labels"] = series.labels;
  return json;
}

Json chart_json(const Chart& chart) {
  Json json{{"id", chart.id},
            {"kind", kinds[static_cast<std::size_t>(chart.kind)]},
            {"title", chart.title},
            {"x", chart.x},
            {"y", chart.y}};
  if (!chart.about.empty()) json["about"] = chart.about;
  if (chart.kind == Chart::Kind::heat_map) {
    json["rows"] = chart.rows;
    json["columns"] = chart.columns;
    json["values"] = numbers_json(chart.values);
    json["unit"] = chart.unit;
    json["neutral"] = chart.neutral ? Json(*chart.neutral) : Json(nullptr);
    if (chart.forbidden) json["forbidden"] = true;
    return json;
  }
  json["series"] = Json::array();
  for (const Chart::Series& series : chart.series) json["series"].push_back(series_json(series));
  return json;
}

Chart::Kind kind_of(const Fields& in) {
  const std::string kind = in.text("kind");
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kind == kinds[i]) return static_cast<Chart::Kind>(i);
  }
  in.refuse("kind", "heat_map, lines or points");
  return Chart::Kind::lines;
}

Chart::Series series_of(const Fields& in) {
  Chart::Series series{in.text("name"), in.numbers("x"), in.numbers("y"), {}, {}, {}};
  if (in.has("lower")) series.lower = in.numbers("lower");
  if (in.has("upper")) series.upper = in.numbers("upper");
  if (in.has("labels")) series.labels = in.texts("labels");
  return series;
}

Chart chart_of(const Fields& in) {
  Chart chart;
  chart.id = in.text("id");
  chart.kind = kind_of(in);
  chart.title = in.text("title");
  chart.x = in.text("x");
  chart.y = in.text("y");
  if (in.has("about")) chart.about = in.text("about");
  if (chart.kind == Chart::Kind::heat_map) {
    chart.rows = in.texts("rows");
    chart.columns = in.texts("columns");
    chart.values = in.numbers("values");
    chart.unit = in.text("unit");
    chart.neutral = in.maybe_number("neutral");
    if (in.has("forbidden")) chart.forbidden = in.flag("forbidden");
  } else {
    for (const Fields& series : in.objects("series")) chart.series.push_back(series_of(series));
  }
  if (const std::string flaw = flaw_of(chart); !flaw.empty())
    in.refuse(chart.kind == Chart::Kind::heat_map ? "values" : "series", "what can be drawn: " + flaw);
  return chart;
}

}  // namespace

Json charts_json(const std::vector<Chart>& charts) {
  Json json = Json::array();
  for (const Chart& chart : charts) json.push_back(chart_json(chart));
  return json;
}

std::vector<Chart> charts_of(const Fields& check) {
  std::vector<Chart> charts;
  if (!check.has("charts")) return charts;
  for (const Fields& chart : check.objects("charts")) charts.push_back(chart_of(chart));
  return charts;
}

}  // namespace pastonly::report
