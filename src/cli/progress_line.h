#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace pastonly::cli {

/// What is known of work at one moment, as a line: a share and the time left where the amount is known, else
/// how long it has taken so far. A pure function of what it was told, in seconds since the work began.
class ProgressLine {
 public:
  /// `fraction` of all work is done, in [0, 1], at `seconds`. A share that was shown is never taken back.
  void report(std::optional<double> fraction, std::string_view what, double seconds);
  /// "" before the first report.
  std::string plain(double seconds) const;
  /// With a bar, of at most `columns` characters.
  std::string drawn(double seconds, std::size_t columns) const;

 private:
  std::string time_left(double seconds) const;
  struct Point {
    double fraction, seconds;
  };
  std::optional<Point> first_;  // work that an earlier run had done is no speed of this one
  std::optional<double> fraction_;
  double shown_ = 0.0;
  std::string what_;
};

}  // namespace pastonly::cli
