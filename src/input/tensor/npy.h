#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "input/tensor/safetensors.h"

namespace pastonly::input {

struct NpyArray {
  Tensor tensor;
  /// The elements in C order where the file holds them in Fortran order; tensor.bytes then views these.
  std::vector<std::byte> reordered;
};

/// Reads a .npy array (format 1.0, 2.0 or 3.0), in place where it is in C order: little-endian plain
/// numbers. Objects, structures, big-endian data, and bytes before or after the array are input errors.
/// `name` stands for the array in messages and becomes the tensor's name. An array in Fortran order
/// is copied, and refused above `copy_limit` bytes.
Expected<NpyArray> parse_npy(std::span<const std::byte> bytes, std::string_view file, std::string_view name,
                             std::size_t copy_limit);

/// One array under the name "", memory-mapped.
Expected<TensorFile> read_npy(const std::filesystem::path& path);

}  // namespace pastonly::input
