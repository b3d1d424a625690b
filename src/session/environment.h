#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "pastonly/watch.h"

namespace pastonly::session {

/// Who asks for a run: how it was asked for, with what it may work, whom it tells.
struct Environment {
  std::vector<std::string> arguments;  ///< as typed: Report::run
  unsigned threads = 0;                ///< 0 = one per hardware thread
  Watch watch;
  std::function<void(std::string_view line)> say = [](std::string_view) {};
};

}  // namespace pastonly::session
