#pragma once

#include "lab_model.h"
#include "stats/token_source.h"

namespace pastonly {

inline stats::TokenSource uniform_source(std::uint64_t vocab) {
  auto source = stats::TokenSource::make(Source{"uniform", vocab});
  if (!source) FAIL(source.error().message);
  return std::move(*source);
}

/// Trains a small model on fresh batches of the layout for some steps.
inline model::Model trained_model(model::ModelConfig config, const stats::TokenSource& source,
                                  const Layout& layout, std::size_t steps, std::uint64_t seed) {
  config.init_std = 0.02;
  config.vocab = source.vocab();
  model::TrainingConfig training;
  training.steps = steps;
  training.warmup = std::min<std::size_t>(20, steps / 4);
  training.learning_rate = 1e-2;
  auto model = small_model(config, seed, training);
  std::vector<std::int64_t> tokens;
  for (std::size_t step = 0; step < steps; ++step) {
    source.draw(seed * 1000003 + step, layout.sequences, layout.positions, tokens);
    const auto done = model.step({layout, tokens, {}});
    if (!done) FAIL(done.error().message);
  }
  return model;
}

}  // namespace pastonly
