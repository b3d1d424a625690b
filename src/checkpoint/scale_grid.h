#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/encoding.h"

namespace pastonly::checkpoint {

class TensorFinder;

/// Scales or zero points of a matrix of (outputs, inputs), one for every block of it, as they stand in a
/// file.
struct ScaleGrid {
  const std::byte* data = nullptr;  // (outputs / block_outputs, columns), rounded up; nullptr = none
  Encoding encoding = Encoding::f32;
  std::size_t columns = 1;  ///< inputs / block_inputs, rounded up
  std::size_t block_outputs = 1;
  std::size_t block_inputs = 1;

  bool exists() const noexcept { return data != nullptr; }
  /// Of one output, (columns).
  void row(std::size_t output, float* out) const {
    decode(encoding, data, output / block_outputs * columns, columns, out);
  }
  float at(std::size_t output, std::size_t column) const {
    float out = 0.0F;
    decode(encoding, data, output / block_outputs * columns + column, 1, &out);
    return out;
  }
};

/// The scales in a tensor of this name. How they lie is said by its shape: one in all, one an output
/// ([outputs] or [outputs, 1]), one for every block of a declared size, or one for an output's every
/// inputs / n inputs. Of all experts in one tensor, (experts, ...), such a grid each; without `experts` one
/// grid. Other shapes and element types are rejected; the result is then empty.
std::vector<ScaleGrid> read_scales(TensorFinder& find, const std::string& name,
                                   std::optional<std::size_t> experts, std::size_t outputs,
                                   std::size_t inputs);

/// Zero points in I8, in a tensor of the same shape as the scales beside them, grids `like` theirs; the
/// result is empty where they are rejected.
std::vector<ScaleGrid> read_zero_points(TensorFinder& find, const std::string& name,
                                        const std::string& scales, const std::vector<ScaleGrid>& like);

}  // namespace pastonly::checkpoint
