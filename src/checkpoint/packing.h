#pragma once

#include <cstddef>

namespace pastonly::checkpoint {

/// A matrix of numbers of few bits, whose codes, scales and zero points stand in several tensors of a file.
/// Immutable: any number of threads may decode at a time.
class Packing {
 public:
  Packing() = default;
  Packing(const Packing&) = delete;
  Packing& operator=(const Packing&) = delete;
  virtual ~Packing() = default;

  /// Outputs [first, first + count) in float32, scales applied: (count, inputs), or (inputs, count) where the
  /// file has the outputs of one input side by side (StoredMatrix::inputs_first).
  virtual void decode(std::size_t first, std::size_t count, float* out) const = 0;

  /// About half of the distance between neighbouring numbers, relative to one of usual size.
  virtual double rounding() const noexcept = 0;
};

}  // namespace pastonly::checkpoint
