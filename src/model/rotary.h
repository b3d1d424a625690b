#pragma once

#include <cstddef>

#include "kernels/buffer.h"

namespace pastonly::model {

using kernels::Buffer;

/// Rotary positions in the Hugging Face arrangement: element i turns with element i + width / 2.
template <class Real>
class Rotary {
 public:
  /// Angles of positions 0 .. positions - 1. Requires an even width.
  void prepare(std::size_t positions, std::size_t width, double theta);
  /// Turns heads (heads, width) in place; backward turns them the other way.
  void turn(Real* row, std::size_t heads, std::size_t position, bool backward) const;

 private:
  std::size_t half_ = 0;
  std::size_t positions_ = 0;
  double theta_ = 0.0;
  Buffer<Real> cosines_;  // (positions, width / 2)
  Buffer<Real> sines_;    // (positions, width / 2)
};

}  // namespace pastonly::model
