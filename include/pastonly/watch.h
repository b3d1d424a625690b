#pragma once

#include <functional>
#include <string_view>

namespace pastonly {

/// How long work tells how far it is, and learns whether to stop. Both are called from several threads.
struct Watch {
  /// `fraction` of all work is done; `what` is being done now.
  std::function<void(double fraction, std::string_view what)> progress = [](double, std::string_view) {};
  std::function<bool()> stop = [] { return false; };
};

}  // namespace pastonly
