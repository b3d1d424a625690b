#pragma once

#include <filesystem>

#include "model/model.h"

namespace pastonly::model {

/// Writes the model as a Hugging Face checkpoint: config.json and model.safetensors in a directory that
/// is made where it is absent. The architecture is the first that matches: Mixtral, OLMoE, Qwen2-MoE,
/// Qwen3-MoE (softmax scores, raw or renormalised gates), GLM-4-MoE (sigmoid scores, selection bias,
/// shared expert). Where none does, or the rule is not a token's own top-k, a usage error says what stands
/// in the way.
Expected<void> save_hugging_face(const Model& model, const std::filesystem::path& directory);

}  // namespace pastonly::model
