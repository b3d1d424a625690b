#pragma once

#include <string>
#include <vector>

namespace pastonly::report {

using Row = std::vector<std::string>;
/// Columns padded to their widest cell, two spaces before each, the first row dim. Requires rows of one
/// length.
std::string aligned(const std::vector<Row>& rows, bool color);

}  // namespace pastonly::report
