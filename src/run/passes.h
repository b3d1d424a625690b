#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstddef>

#include "pastonly/watch.h"

namespace pastonly::run {

/// How far a comparison is: of its passes over the layers, the first takes the longest.
class Passes {
 public:
  Passes(const Watch& watch, std::size_t layers) : watch_(watch), layers_(std::max<std::size_t>(1, layers)) {}

  void begin(double share) {
    from_ += share_;
    share_ = share;
    done_ = 0;
  }
  /// From several threads.
  void layer_done() {
    const std::size_t done = ++done_;
    const double of_pass = std::min(1.0, static_cast<double>(done) / static_cast<double>(layers_));
    watch_.progress(from_ + share_ * of_pass, fmt::format("comparing: layer {} of {}", done, layers_));
  }

 private:
  const Watch& watch_;
  std::size_t layers_;
  double from_ = 0.0, share_ = 0.0;
  std::atomic<std::size_t> done_{0};
};

}  // namespace pastonly::run
