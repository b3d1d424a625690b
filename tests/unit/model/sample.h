#pragma once

#include <cstdint>
#include <vector>

#include "model/network.h"
#include "stats/random.h"

namespace pastonly::model {

/// A small model whose every part is large enough to matter.
inline ModelConfig small_config() {
  ModelConfig config;
  config.vocab = 11;
  config.width = 12;
  config.layers = 2;
  config.heads = 2;
  config.kv_heads = 2;
  config.head_width = 6;
  config.experts = 5;
  config.expert_width = 7;
  config.init_std = 0.4;
  return config;
}

/// Random tokens with the memory that Batch points into.
struct Sample {
  Layout layout;
  std::vector<std::int64_t> tokens;
  std::vector<std::uint8_t> valid;

  Sample(Layout shape, std::size_t vocab, std::uint64_t seed = 1) : layout(shape), tokens(shape.tokens()) {
    stats::CounterRng random(seed);
    for (auto& token : tokens) token = static_cast<std::int64_t>(random.below(vocab));
  }
  Batch batch() const { return {layout, tokens, valid}; }
};

}  // namespace pastonly::model
