#pragma once

#include <functional>
#include <optional>
#include <string_view>

namespace pastonly {

/// How long work tells how far it is, and learns whether to stop. Both are called from several threads.
struct Watch {
  /// `fraction` of all work is done, nullopt where the amount is not known; `what` is being done now.
  std::function<void(std::optional<double> fraction, std::string_view what)> progress =
      [](std::optional<double>, std::string_view) {};
  std::function<bool()> stop = [] { return false; };
};

}  // namespace pastonly
