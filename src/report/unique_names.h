#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <map>
#include <string>

namespace pastonly::report {

/// Tells names apart: one that was given before gets a number.
class UniqueNames {
 public:
  /// The name itself, or "name-2", "name-3", ...; never what was returned before.
  std::string unique(const std::string& name) {
    const std::size_t earlier = seen_[name]++;
    return earlier == 0 ? name : unique(fmt::format("{}-{}", name, earlier + 1));
  }

 private:
  std::map<std::string, std::size_t> seen_;
};

}  // namespace pastonly::report
