#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

#include "model/model.h"

namespace pastonly::model {

/// Writes the model as a Hugging Face checkpoint: config.json and model.safetensors in a directory that
/// is made where it is absent. The architecture is the first that matches: Mixtral, OLMoE, Qwen2-MoE,
/// Qwen3-MoE (softmax scores, raw or renormalised gates), GLM-4-MoE (sigmoid scores, selection bias,
/// shared expert). Where none does, or the rule is not a token's own top-k, a usage error says what stands
/// in the way.
///
/// `declared_k`: the checkpoint declares a top-k of that many experts, whatever rule the model was trained
/// under, as checkpoints do: their files do not tell.
Expected<void> save_hugging_face(const Model& model, const std::filesystem::path& directory,
                                 std::optional<std::size_t> declared_k = std::nullopt);
/// Whether the directory's config.json is one that save_hugging_face wrote.
bool saved_here(const std::filesystem::path& directory);

}  // namespace pastonly::model
