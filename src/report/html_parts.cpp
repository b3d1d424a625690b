#include "report/html_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/told_findings.h"

namespace pastonly::report {
namespace {

constexpr std::size_t most_html_rows = 400;
constexpr std::size_t most_html_columns = 64;

std::string html_number(double value) { return std::isfinite(value) ? fmt::format("{:.6g}", value) : "-"; }

std::vector<Row> heat_map_rows(const Chart& chart) {
  const std::size_t columns = std::min(chart.columns.size(), most_html_columns);
  Row head{fmt::format("{} \\ {}", chart.y, chart.x)};
  head.insert(head.end(), chart.columns.begin(),
              chart.columns.begin() + static_cast<std::ptrdiff_t>(columns));
  if (columns < chart.columns.size())
    head.push_back(fmt::format("… and {} more", chart.columns.size() - columns));
  std::vector<Row> rows{head};
  for (std::size_t r = 0; r < chart.rows.size() && r <= most_html_rows; ++r) {
    Row row{chart.rows[r]};
    for (std::size_t c = 0; c < columns; ++c)
      row.push_back(html_number(chart.values[r * chart.columns.size() + c]));
    row.resize(head.size());
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<Row> series_rows(const Chart& chart) {
  const bool interval = std::ranges::any_of(chart.series, [](const auto& one) { return !one.lower.empty(); });
  const bool labels = std::ranges::any_of(chart.series, [](const auto& one) { return !one.labels.empty(); });
  Row head{"series", chart.x, chart.y};
  if (interval) head.insert(head.end(), {"from", "to"});
  if (labels) head.emplace_back("point");
  std::vector<Row> rows{head};
  for (const auto& one : chart.series) {
    for (std::size_t i = 0; i < one.x.size(); ++i) {
      Row row{one.name, html_number(one.x[i]), html_number(one.y[i])};
      if (interval) {
        row.push_back(one.lower.empty() ? "-" : html_number(one.lower[i]));
        row.push_back(one.upper.empty() ? "-" : html_number(one.upper[i]));
      }
      if (labels) row.push_back(one.labels.empty() ? "-" : one.labels[i]);
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

/// Of escaped text: what stands between two backticks is code. A last one without its other half stays.
std::string with_code(std::string_view text) {
  std::string out;
  while (true) {
    const std::size_t open = text.find('`');
    const std::size_t close = open == std::string_view::npos ? open : text.find('`', open + 1);
    if (close == std::string_view::npos) return out.append(text);
    out.append(text.substr(0, open)).append("<code>");
    out.append(text.substr(open + 1, close - open - 1)).append("</code>");
    text.remove_prefix(close + 1);
  }
}

}  // namespace

std::string html_table(std::string_view caption, const std::vector<Row>& rows) {
  if (rows.size() < 2) return "";
  std::string out = fmt::format(
      "<div class=\"scroll\" role=\"region\" aria-label=\"{0}\" "
      "tabindex=\"0\"><table><caption>{0}</caption>\n<thead><tr>",
      xml_text(caption));
  for (const std::string& cell : rows.front())
    out += fmt::format("<th scope=\"col\">{}</th>", xml_text(cell));
  out += "</tr></thead>\n<tbody>\n";
  for (std::size_t r = 1; r < std::min(rows.size(), most_html_rows + 1); ++r) {
    out += "<tr>";
    for (std::size_t c = 0; c < rows[r].size(); ++c)
      out += (c == 0 ? "<th scope=\"row\">" : "<td>") + xml_text(rows[r][c]) + (c == 0 ? "</th>" : "</td>");
    out += "</tr>\n";
  }
  out += "</tbody></table></div>\n";
  if (rows.size() > most_html_rows + 1)
    out += fmt::format("<p class=\"muted\">… and {} rows more: the JSON report has all.</p>\n",
                       rows.size() - most_html_rows - 1);
  return out;
}

std::string html_details(std::string_view summary, const std::string& body) {
  if (body.empty()) return "";
  return fmt::format("<details><summary>{}</summary>\n{}</details>\n", xml_text(summary), body);
}

std::string html_section(std::string_view id, std::string_view heading, const std::string& body) {
  if (body.empty()) return "";
  return fmt::format(
      "<section id=\"{0}\" aria-labelledby=\"{0}-h\"><h2 id=\"{0}-h\">{1}</h2>\n{2}</section>\n", id,
      xml_text(heading), body);
}

std::string html_paragraph(std::string_view text, std::string_view style) {
  if (text.empty()) return "";
  return style.empty() ? fmt::format("<p>{}</p>\n", with_code(xml_text(text)))
                       : fmt::format("<p class=\"{}\">{}</p>\n", style, with_code(xml_text(text)));
}

std::string html_figure(std::string_view title, std::string_view about, const Drawing& drawing,
                        const std::vector<Row>& rows, double width) {
  return fmt::format(
      "<figure{6}><div class=\"scroll\" role=\"region\" aria-label=\"picture: {0}\" tabindex=\"0\">\n<svg "
      "role=\"img\" "
      "aria-label=\"{0}. {1}\" viewBox=\"0 0 {2:.0f} {3:.0f}\" width=\"{2:.0f}\" "
      "height=\"{3:.0f}\">\n{4}</svg></div>\n"
      "<figcaption>{1}</figcaption>\n{5}</figure>\n",
      xml_text(title), xml_text(about), width, drawing.height, drawing.body,
      html_details("As a table", html_table(title, rows)),
      width < html_picture_width ? " class=\"narrow\"" : "");
}

std::string html_chart(const Chart& chart, std::string_view about) {
  const bool map = chart.kind == Chart::Kind::heat_map;
  const std::string told = about.empty() && !chart.about.empty() ? cut_to(chart.about, 2'000)
                           : about.empty() && map
                               ? fmt::format("{} by {} and {}", chart.unit, chart.y, chart.x)
                           : about.empty() ? fmt::format("{} by {}", chart.y, chart.x)
                                           : std::string(about);
  return html_figure(chart.title, told, draw(chart, html_picture_width),
                     map ? heat_map_rows(chart) : series_rows(chart));
}

}  // namespace pastonly::report
