#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pastonly/chart.h"
#include "report/svg.h"
#include "report/text_table.h"

namespace pastonly::report {

// Pieces of an HTML page. What is called text is escaped here, whatever its bytes; what is called body is
// HTML.

/// A table that scrolls by itself where it is wider than the page. The first row is its head, the first cell
/// of every other row that row's head. At most 400 rows; how many are left out is said below.
std::string html_table(std::string_view caption, const std::vector<Row>& rows);
/// Folded until it is asked for; open on paper.
std::string html_details(std::string_view summary, const std::string& body);
/// "" where the body is.
std::string html_section(std::string_view id, std::string_view heading, const std::string& body);
/// What stands between backticks is code.
std::string html_paragraph(std::string_view text, std::string_view style = "");

constexpr double html_picture_width = 760.0;
/// The drawing of that width with what it shows in words and, folded, as a table. One that is narrower than
/// other pictures shrinks with the page; these scroll by themselves.
std::string html_figure(std::string_view title, std::string_view about, const Drawing& drawing,
                        const std::vector<Row>& rows, double width = html_picture_width);
/// The same of a chart.
std::string html_chart(const Chart& chart, std::string_view about);

}  // namespace pastonly::report
