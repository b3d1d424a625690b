#include "report/text_table.h"

#include <algorithm>
#include <cmath>

#include "report/paragraph.h"

namespace pastonly::report {

std::string aligned(const std::vector<Row>& rows, bool color) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns(row[i]));
  }
  std::string out;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < rows[r].size(); ++i) line += "  " + padded(rows[r][i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    out += (r == 0 ? inked(line, Ink::dim, color) : line) + "\n";
  }
  return out;
}

std::string bar(double value, double largest, int cells) {
  if (largest <= 0.0 || value <= 0.0) return "";
  const int filled = std::max(1, static_cast<int>(std::lround(cells * value / largest)));
  std::string out;
  for (int i = 0; i < filled; ++i) out += "█";
  return out;
}

}  // namespace pastonly::report
