#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <utility>
#include <vector>

#include "pastonly/error.h"

namespace pastonly::toy {

/// A checkpoint with random weights, in Mixtral's layout, and what is planted in its routers;
/// tests/toy/README.md documents every key.
struct CheckpointRecipe {
  std::uint64_t seed = 1;
  std::size_t layers = 2;
  std::size_t experts = 16;
  std::size_t width = 32;
  std::size_t expert_width = 16;
  std::vector<std::pair<std::size_t, std::size_t>> copied_rows;  ///< (from, to), the copy three times as long
  std::vector<std::size_t> zero_rows;
  double coupling = 0.0;  ///< own row's part in every gate row, relative to what is there
};

Expected<void> write_checkpoint(const CheckpointRecipe& recipe, const std::filesystem::path& directory);

}  // namespace pastonly::toy
