#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pastonly::input {

/// The fields of one line of comma- or tab-separated values, without surrounding spaces. A field in double
/// quotes may hold the separator, and "" for a quote; quotes that never close reach to the end of the line.
std::vector<std::string> csv_fields(std::string_view line, char separator);

}  // namespace pastonly::input
