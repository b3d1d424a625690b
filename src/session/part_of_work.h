#pragma once

#include "pastonly/watch.h"

namespace pastonly::session {

/// What one part of the work, from share `from` of all of it to share `to`, tells its own progress. Copies
/// `whole`.
inline Watch part_of_work(const Watch& whole, double from, double to) {
  Watch part = whole;
  part.progress = [whole, from, to](std::optional<double> fraction, std::string_view what) {
    whole.progress(fraction ? std::optional(from + *fraction * (to - from)) : std::nullopt, what);
  };
  return part;
}

}  // namespace pastonly::session
