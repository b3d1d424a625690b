#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "catch.h"
#include "report/chart_json.h"
#include "report/json.h"
#include "report/svg.h"
#include "report/writer.h"

using namespace pastonly;
using namespace pastonly::report;

namespace {

Chart heat_map() {
  Chart chart;
  chart.id = "load";
  chart.title = "load";
  chart.x = "expert";
  chart.y = "layer";
  chart.rows = {"0", "7"};
  chart.columns = {"0", "1", "2"};
  chart.values = {1.0, 0.5, 1.5, 2.0, std::numeric_limits<double>::quiet_NaN(), 0.0};
  chart.unit = "of the mean";
  chart.neutral = 1.0;
  return chart;
}

Chart lines(Chart::Kind kind = Chart::Kind::lines) {
  Chart chart;
  chart.id = "hits";
  chart.kind = kind;
  chart.title = "hits";
  chart.x = "fetched";
  chart.y = "share";
  chart.series = {{"table", {1, 2, 3}, {0.2, 0.5, 0.6}, {0.1, 0.4, 0.5}, {0.3, 0.6, 0.7}, {}},
                  {"popular", {1, 2, 3}, {0.1, 0.2, 0.3}, {}, {}, {"a", "b", "c"}}};
  return chart;
}

Report with(std::vector<Chart> charts) {
  Report report;
  report.subject.name = "x";
  Report::CheckEntry entry{"load-balance", "ran", "", 0.0, {}, {}};
  entry.charts = std::move(charts);
  report.checks.push_back(std::move(entry));
  return report;
}

std::size_t count(const std::string& text, std::string_view of) {
  std::size_t found = 0;
  for (std::size_t at = text.find(of); at != std::string::npos; at = text.find(of, at + 1)) ++found;
  return found;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("charts survive being written and read", "[report][chart]") {
  const Report report = with({heat_map(), lines(), lines(Chart::Kind::points)});
  const auto again = parse_report(write_json(report), "report.json");
  REQUIRE(again);
  REQUIRE(again->checks.at(0).charts.size() == 3);
  CHECK(again->checks[0].charts[2].kind == Chart::Kind::points);
  CHECK(again->checks[0].charts[1].series[0].upper[2] == 0.7);
  CHECK(charts_json(again->checks[0].charts) == charts_json(report.checks[0].charts));
}

TEST_CASE("a chart whose lists do not fit is refused", "[report][chart]") {
  const std::string map = write_json(with({heat_map()})), line = write_json(with({lines()}));
  for (const std::string& broken :
       {replaced(map, "\"7\"", "\"7\", \"8\""), replaced(map, "heat_map", "pie"), replaced(map, "\"0\"", "0"),
        replaced(line, "\"lower\": [", "\"lower\": [1.0, "), replaced(line, "\"x\": [", "\"x\": [\"a\", "),
        replaced(line, "\"y\": [", "\"y\": [null, "), replaced(map, "0.5", "1e308"),
        replaced(line, "0.2", "-1e308")}) {
    const auto report = parse_report(broken, "report.json");
    REQUIRE_FALSE(report);
    CHECK(report.error().message.find("charts[0]") != std::string::npos);
  }
}

TEST_CASE("every cell, line and point is drawn", "[report][chart]") {
  const std::string map = draw(heat_map(), 900.0).body;
  CHECK(count(map, "expert 2: 0 of the mean") == 1);
  CHECK(count(map, "class=\"below\"") ==
        2 + count(draw(heat_map(), 900.0).body, "height=\"14.0\" class=\"below\""));
  CHECK(count(map, "not known") == 1);
  const std::string drawn = draw(lines(), 900.0).body;
  CHECK(count(drawn, "<circle") == 6);
  CHECK(count(drawn, "fill-opacity=\".15\"") == 1);  // the band of the series that has intervals
  CHECK(drawn.find("nan") == std::string::npos);
  CHECK(count(draw(lines(Chart::Kind::points), 900.0).body, "<circle") == 6);
}

TEST_CASE("charts of nothing, of one point and of equal values can be drawn", "[report][chart]") {
  Chart empty = lines(), one = lines(), equal = heat_map();
  empty.series.clear();
  one.series = {{"a", {5}, {0.0}, {}, {}, {}}};
  equal.values.assign(6, 3.0);
  equal.neutral.reset();
  Chart unknown = heat_map();
  unknown.values.assign(6, std::numeric_limits<double>::quiet_NaN());
  Chart no_rows = heat_map();
  no_rows.rows.clear();
  no_rows.values.clear();
  for (const Chart& chart : {empty, one, equal, unknown, no_rows}) {
    const Drawing drawing = draw(chart, 900.0);
    CHECK(drawing.height > 0.0);
    CHECK(drawing.body.find("nan") == std::string::npos);
    CHECK(drawing.body.find("inf") == std::string::npos);
  }
}

TEST_CASE("what must not be stands out, however rare", "[report][chart]") {
  Chart chart = heat_map();
  chart.neutral.reset();
  chart.forbidden = true;
  chart.about = "what it shows";
  chart.rows = chart.columns = {"0", "1", "2"};
  const double none = std::numeric_limits<double>::quiet_NaN();
  chart.values = {none, 1e-6, 0.0, none, none, 1.0, none, none, none};
  const std::string drawn = draw(chart, 760.0).body;
  CHECK(count(drawn, "class=\"crime\"") == 3);  // one of them in the key
  CHECK(count(drawn, "class=\"crime\" fill-opacity=\"0.500\"") == 1);
  CHECK(count(drawn, "class=\"below\"") == 2);
  CHECK(count(drawn, "not asked") == 1);
  CHECK(count(drawn, "the past may change a decision") == 1);
  chart.values[1] = chart.values[5] = 0.0;
  CHECK(count(draw(chart, 760.0).body, "class=\"crime\"") == 0);
  const auto again = parse_report(write_json(with({chart})), "report.json");
  REQUIRE(again);
  CHECK(again->checks[0].charts[0].forbidden);
  CHECK(again->checks[0].charts[0].about == "what it shows");
  const std::string json = write_json(with({chart}));
  CHECK_FALSE(parse_report(replaced(json, "\"forbidden\": true", "\"forbidden\": 1"), "report.json"));
  CHECK_FALSE(parse_report(replaced(json, "\"what it shows\"", "[]"), "report.json"));
}

TEST_CASE("loads that are all but even are not drawn as extremes", "[report][chart]") {
  Chart chart = heat_map();
  chart.values = {1.0, 1.001, 0.999, 1.0, 1.0, 1.0};
  const std::string even = draw(chart, 900.0).body;
  CHECK(even.find("fill-opacity=\"1.000\"") == std::string::npos);
  chart.values[1] = 2.0;
  CHECK(draw(chart, 900.0).body.find("fill-opacity=\"1.000\"") != std::string::npos);
}

TEST_CASE("lines that hardly rise are drawn flat", "[report][chart]") {
  const auto height = [](double least, double most) {
    Chart chart = lines();
    chart.series = {{"a", {0, 1}, {least, most}, {}, {}, {}}};
    const std::string drawn = draw(chart, 760.0).body;
    std::vector<double> at;
    for (std::size_t i = drawn.find(" cy=\""); i != std::string::npos; i = drawn.find(" cy=\"", i + 1))
      at.push_back(std::stod(drawn.substr(i + 5)));
    REQUIRE(at.size() == 2);
    return at[0] - at[1];
  };
  CHECK(height(4.0, 4.0001) < 1.0);
  CHECK(height(-1.0001, -1.0) < 1.0);
  CHECK(height(3.0, 4.0) > 200.0);
  CHECK(height(0.0, 1e-7) > 200.0);  // from nothing to something
}

TEST_CASE("a map of too many cells is named, not drawn", "[report][chart]") {
  Chart chart = heat_map();
  chart.rows.assign(1000, "row");
  chart.columns.assign(1000, "column");
  chart.values.assign(1'000'000, 0.5);
  const Drawing drawing = draw(chart, 900.0);
  CHECK(drawing.body.size() < 1000);
  CHECK(drawing.body.find("1000 by 1000 cells") != std::string::npos);
}

TEST_CASE("names out of a file cannot break out of a picture", "[report][chart]") {
  Chart chart = heat_map();
  chart.title = "</text><script>alert(1)</script>";
  chart.rows = {"\"onload=\"x", std::string("\x01\xff&", 3)};
  Report report = with({chart});
  report.subject.name = "<svg onload=alert(1)>";
  const std::string svg = write_svg(report, {});
  CHECK(svg.find("<script") == std::string::npos);
  CHECK(count(svg, "<svg") == 1);
  CHECK(svg.find('\x01') == std::string::npos);
  CHECK(svg.find("&quot;onload=") != std::string::npos);
  CHECK(write_svg(Report{}, {}).find("No check of this report draws a chart") != std::string::npos);
}
