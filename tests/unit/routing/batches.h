#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "pastonly/trace.h"

/// A trace of one layer, from scores and a mask, (sequences * positions, experts) each.
inline pastonly::Trace batch_of(std::size_t sequences, std::size_t positions, std::size_t experts,
                                std::vector<float> scores, const std::vector<std::uint8_t>& mask,
                                std::vector<float> bias = {}) {
  pastonly::TraceData data;
  data.layout = {sequences, positions, pastonly::TokenOrder::batch_major};
  pastonly::TraceData::Layer layer;
  layer.scores = std::move(scores);
  layer.bias = std::move(bias);
  layer.mask.reset(sequences * positions, experts);
  for (std::size_t i = 0; i < mask.size(); ++i) layer.mask(i / experts, i % experts) = mask[i];
  data.layers.push_back(std::move(layer));
  return make_trace(std::move(data));
}

/// The mask of each token's k best of scores + bias, or of the scores alone; ties: lower expert.
inline std::vector<std::uint8_t> best_of(const std::vector<float>& scores, std::size_t experts, std::size_t k,
                                         const std::vector<float>& bias = {}) {
  std::vector<std::uint8_t> mask(scores.size(), 0);
  const auto value = [&](std::size_t first, std::size_t e) {
    return scores[first + e] + (bias.empty() ? 0.0F : bias[e]);
  };
  for (std::size_t first = 0; first < scores.size(); first += experts) {
    for (std::size_t j = 0; j < k; ++j) {
      std::size_t best = experts;
      for (std::size_t e = 0; e < experts; ++e) {
        if (mask[first + e] == 0 && (best == experts || value(first, e) > value(first, best))) best = e;
      }
      mask[first + best] = 1;
    }
  }
  return mask;
}
