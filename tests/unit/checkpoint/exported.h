#pragma once

#include <functional>

#include "catch.h"
#include "checkpoint/checkpoint.h"
#include "model/hugging_face.h"
#include "unit/input/temporary_directory.h"
#include "unit/model/sample.h"

namespace pastonly::checkpoint {

/// A small model whose matrices have multiples of 4 columns.
inline model::ModelConfig exported_config() {
  model::ModelConfig config = model::small_config();
  config.expert_width = 8;
  return config;
}

/// A model of the internal kind, its vectors off their 0 and 1.
inline model::Model shaken_model(const model::ModelConfig& config) {
  auto model = model::Model::create(config, {}, 31);
  if (!model) FAIL(model.error().message);
  stats::CounterRng random(5);
  auto& network = model->network();
  const auto& table = network.table();
  for (std::size_t id = 0; id < table.tensors.size(); ++id) {
    for (std::size_t i = 0; i < table[id].size() && table[id].init_std == 0.0; ++i)
      network.parameters().data(id)[i] += static_cast<float>(0.2 * random.normal());
  }
  return std::move(*model);
}

/// The same, saved as a Hugging Face checkpoint.
inline void export_model(const model::ModelConfig& config, const std::filesystem::path& directory) {
  const auto saved = model::save_hugging_face(shaken_model(config), directory);
  if (!saved) FAIL(saved.error().message);
}

inline Checkpoint opened(const std::filesystem::path& directory, const std::optional<RuleSpec>& rule = {}) {
  auto checkpoint = Checkpoint::open(directory, rule);
  if (!checkpoint) FAIL(checkpoint.error().message);
  return std::move(*checkpoint);
}

inline TraceData observed(const Checkpoint& checkpoint, const model::Batch& batch,
                          const model::ObserveOptions& options = {}) {
  InferenceWorkspace workspace;
  auto data = checkpoint.observe(batch, options, workspace);
  if (!data) FAIL(data.error().message);
  return std::move(*data);
}

}  // namespace pastonly::checkpoint
