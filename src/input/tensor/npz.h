#pragma once

#include <functional>
#include <string_view>

#include "input/tensor/safetensors.h"
#include "input/tensor/zip_archive.h"

namespace pastonly::input {

/// Reads the .npy members that `wanted` (by name without ".npy") accepts; the rest is listed under
/// TensorFile::others. Stored members stay in the mapped file. Declared sizes are checked before
/// anything is allocated, real sizes while inflating; encrypted members, twice-used names, broken
/// archives and bombs are input errors naming file and member.
Expected<TensorFile> read_npz(const std::filesystem::path& path,
                              const std::function<bool(std::string_view)>& wanted);

}  // namespace pastonly::input
