#pragma once

#include <filesystem>

#include "lint/document.h"
#include "lint/model_type.h"
#include "pastonly/error.h"

namespace pastonly::lint {

/// What a GGUF file says of its model.
struct GgufModel {
  Document document;  ///< its metadata, keys without the architecture's name; there are no lines
  /// Known where expert_gating_func has a value that llama.cpp routes by, whatever the architecture.
  ModelType type;
};
/// Input errors: as of checkpoint::read_gguf. Only the header is read, whatever the file's size.
Expected<GgufModel> read_gguf_model(const std::filesystem::path& path);

}  // namespace pastonly::lint
