#include "cli/progress_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "input/text/printable.h"

namespace pastonly::cli {
namespace {

std::string clock_time(double seconds) {
  const auto whole = static_cast<long>(std::clamp(seconds, 0.0, 1e7));
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

/// 100 is for what is over.
int percent(double share) { return std::min(99, static_cast<int>(100.0 * share)); }

/// The first `columns` characters; names are UTF-8, and half of one would not be shown.
std::string cut(std::string line, std::size_t columns) {
  std::size_t at = 0;
  const auto continues = [&] {
    return at < line.size() && (static_cast<unsigned char>(line[at]) & 0xC0U) == 0x80U;
  };
  for (std::size_t shown = 0; at < line.size() && shown < columns; ++shown) {
    ++at;
    while (continues()) ++at;
  }
  line.resize(at);
  return line;
}

}  // namespace

void ProgressLine::report(std::optional<double> fraction, std::string_view what, double seconds) {
  fraction_ =
      fraction && std::isfinite(*fraction) ? std::optional(std::clamp(*fraction, 0.0, 1.0)) : std::nullopt;
  if (fraction_ && !first_) first_ = {*fraction_, seconds};
  if (fraction_) shown_ = std::max(shown_, *fraction_);
  what_ = input::printable(what);
}

/// By the speed so far; nothing before it can be told.
std::string ProgressLine::time_left(double seconds) const {
  if (!first_) return "";
  const double made = shown_ - first_->fraction, took = seconds - first_->seconds;
  if (made < 0.005 || took < 2.0) return "";
  return clock_time(took / made * (1.0 - shown_)) + " left";
}

std::string ProgressLine::plain(double seconds) const {
  if (what_.empty()) return "";
  if (!fraction_) return fmt::format("{} so far: {}", clock_time(seconds), what_);
  const std::string left = time_left(seconds);
  return fmt::format("{}%{}: {}", percent(shown_), left.empty() ? "" : ", " + left, what_);
}

std::string ProgressLine::drawn(double seconds, std::size_t columns) const {
  if (what_.empty()) return "";
  if (!fraction_) return cut(fmt::format("[{}] {}", clock_time(seconds), what_), columns);
  constexpr int width = 20;
  const int filled = static_cast<int>(width * shown_);
  const std::string left = time_left(seconds);
  return cut(fmt::format("[{:#<{}}{:.<{}}] {:3}% {}{}", "", filled, "", width - filled, percent(shown_),
                         left.empty() ? "" : left + ", ", what_),
             columns);
}

}  // namespace pastonly::cli
