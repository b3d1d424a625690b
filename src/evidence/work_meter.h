#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "pastonly/watch.h"

namespace pastonly::evidence {

/// How far an audit is. Its parts are the plan and one for each check; the unit is one run of a live subject,
/// or one layer of one recorded run. What is left of a part only shrinks, so that the share never runs
/// backwards, and a little is left to the last. Until something is expected the amount is not known.
/// Thread-safe.
class WorkMeter {
 public:
  static constexpr std::size_t plan = 0;  ///< the part that every check draws on

  explicit WorkMeter(Watch watch);

  /// That much work lies ahead in each part.
  void expect(std::vector<double> parts);
  /// From now on `part` is worked on, under this title. Of the one before it nothing is left.
  void begin(std::size_t part, std::string_view title);
  /// Work is done: of the plan, or of the part at hand.
  void did_of_plan(double work, std::string_view what);
  void did(double work, std::string_view what);
  /// A share of what was expected of the part at hand is done.
  void did_share(double share, std::string_view what);

 private:
  void did(std::size_t part, double work, std::string_view what);

  Watch watch_;
  std::mutex mutex_;
  std::vector<double> expected_, left_;  // (parts)
  double done_ = 0.0;
  std::size_t at_ = plan;
  std::string title_;
};

}  // namespace pastonly::evidence
