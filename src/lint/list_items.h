#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lint/document.h"

namespace pastonly::lint {

/// The scalars of a list in YAML or JSON: one value of its key, or a command line where one of them is an
/// option ("args" of Kubernetes, which begin with a script or with nothing).
class ListItems {
 public:
  void add(std::string_view value, std::uint64_t line);
  /// At the list's end: what it says goes into this block.
  void close(Document& document, std::size_t block, std::string_view key, std::uint64_t line) const;

 private:
  struct Item {
    std::string text;
    std::uint64_t line = 1;
  };
  std::vector<Item> items_;
  bool options_ = false;
};

}  // namespace pastonly::lint
