#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "checkpoint/description.h"
#include "checkpoint/inference_workspace.h"
#include "checkpoint/layer_weights.h"

namespace pastonly::checkpoint {

/// ln p of one token at every row of `hidden` (rows, width), which has passed the last norm: the softmax over
/// the vocabulary, in double, tile by tile of the head. Rows whose target is negative get NaN. Where `logits`
/// is given it receives all of them, (rows, vocab).
std::vector<double> log_probabilities(const Description& description, const Linear& head,
                                      kernels::Block<const float> hidden,
                                      std::span<const std::int64_t> targets, InferenceWorkspace& workspace,
                                      kernels::Matrix<float>* logits);

}  // namespace pastonly::checkpoint
