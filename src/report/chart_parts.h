#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/svg.h"

namespace pastonly::report {

// What drawings of every kind of chart are made of. Texts are escaped here.

constexpr double chart_margin = 16.0;
constexpr double chart_title_height = 26.0;

std::string text_at(double x, double y, std::string_view text, const char* anchor = "start",
                    const char* style = "small");
/// Along the left edge, read from below.
std::string upright(double x, double y, std::string_view text);
/// About.
double width_of(std::string_view text);
double widest(const std::vector<std::string>& texts);
std::string short_number(double value);
/// Rows by columns in shades.
Drawing draw_heat_map(const Chart& chart, double width);

}  // namespace pastonly::report
