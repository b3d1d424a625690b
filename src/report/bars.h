#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/svg.h"

namespace pastonly::report {

/// One figure of several that are compared.
struct Bar {
  std::string name;
  double value = 0.0;
  std::optional<double> lower, upper;
};

/// Horizontal bars from 0 on, one below the other, each with its interval and its figure. `line`: a value
/// that all are held against, drawn across. `reach`: what the scale spans at least, so that noise draws no
/// long bars. Values must be finite.
Drawing draw_bars(const std::string& title, const std::vector<Bar>& bars, const std::string& unit,
                  std::optional<double> line, double reach, double width);

}  // namespace pastonly::report
