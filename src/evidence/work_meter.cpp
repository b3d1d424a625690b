#include "evidence/work_meter.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

namespace pastonly::evidence {

WorkMeter::WorkMeter(Watch watch) : watch_(std::move(watch)) {}

void WorkMeter::expect(std::vector<double> parts) {
  const std::lock_guard lock(mutex_);
  expected_ = left_ = std::move(parts);
  if (!left_.empty()) left_[plan] = std::max(0.0, left_[plan] - done_);
}

void WorkMeter::begin(std::size_t part, std::string_view title) {
  {
    const std::lock_guard lock(mutex_);
    if (at_ != plan && at_ < left_.size()) {
      done_ += left_[at_];
      left_[at_] = 0.0;
    }
    at_ = part;
    title_ = title;
  }
  did(part, 0.0, "");
}

void WorkMeter::did_of_plan(double work, std::string_view what) { did(plan, work, what); }

void WorkMeter::did(double work, std::string_view what) { did(at_, work, what); }

void WorkMeter::did_share(double share, std::string_view what) {
  did(at_, at_ < expected_.size() ? share * expected_[at_] : 0.0, what);
}

void WorkMeter::did(std::size_t part, double work, std::string_view what) {
  std::optional<double> fraction;
  std::string said;
  {
    const std::lock_guard lock(mutex_);
    done_ += work;
    if (part < left_.size()) left_[part] = std::max(0.0, left_[part] - work);
    if (!left_.empty()) {
      const double left = std::accumulate(left_.begin(), left_.end(), 0.0);
      const double all = std::accumulate(expected_.begin(), expected_.end(), 0.0);
      // The verdict and the report come after the last part.
      fraction = done_ / (done_ + left + 0.005 * all);
    }
    said = title_.empty() ? std::string(what) : what.empty() ? title_ : fmt::format("{}: {}", title_, what);
  }
  watch_.progress(fraction, said);
}

}  // namespace pastonly::evidence
