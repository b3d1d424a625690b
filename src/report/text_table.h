#pragma once

#include <string>
#include <vector>

namespace pastonly::report {

using Row = std::vector<std::string>;
/// Columns padded to their widest cell, two spaces before each, the first row dim. Requires rows of one
/// length.
std::string aligned(const std::vector<Row>& rows, bool color);

/// A bar of up to so many cells; one at least for what is above 0.
std::string bar(double value, double largest, int cells);

}  // namespace pastonly::report
