#pragma once

#include <filesystem>

#include "pastonly/error.h"
#include "toy/recipe.h"

namespace pastonly::toy {

/// Writes what a recipe says to `path`: a plan directory (created), with "plan": false one trace file,
/// or a checkpoint's directory.
Expected<void> write(const Recipe& recipe, const std::filesystem::path& path);

}  // namespace pastonly::toy
