#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace pastonly {

/// What a picture tells more of than single figures do: what it shows, not how it is drawn.
/// NaN in `values` means that nothing is known there; all other numbers are finite.
struct Chart {
  enum class Kind { heat_map, lines, points };

  /// One line, or one cloud of points.
  struct Series {
    std::string name;
    std::vector<double> x, y;
    std::vector<double> lower, upper;  ///< intervals of y, as long as y or empty
    std::vector<std::string> labels;   ///< of points, as many or empty
  };

  std::string id;  ///< unique within the check: "load"
  Kind kind = Kind::heat_map;
  std::string title;
  std::string x, y;        ///< what the axes are, with units
  std::string about = {};  ///< what it shows, in a sentence or two; may be empty

  // heat_map
  std::vector<std::string> rows, columns;
  std::vector<double> values;  // (rows, columns)
  std::string unit;            ///< of the values
  std::optional<double>
      neutral;             ///< a value from which cells differ in two directions: 1 for shares of a mean
  bool forbidden = false;  ///< values above 0 are what must not be

  // lines, points
  std::vector<Series> series;
};

}  // namespace pastonly
