#pragma once

#include <filesystem>
#include <string_view>

#include "checkpoint/description.h"
#include "checkpoint/weights.h"
#include "pastonly/error.h"

namespace pastonly::checkpoint {

/// A GGUF file as a checkpoint.
struct GgufCheckpoint {
  Description description;
  Weights weights;
};

/// `as`: the model_type to run it as, "" = that of its general.architecture; keys that this family does not
/// read are then errors. Input errors name the file and the key or tensor; an unknown architecture lists the
/// known ones.
Expected<GgufCheckpoint> open_gguf(const std::filesystem::path& path, std::string_view as = {});

}  // namespace pastonly::checkpoint
