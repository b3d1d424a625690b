#pragma once

#include <cstddef>

#include "checkpoint/description.h"
#include "checkpoint/layer_weights.h"
#include "kernels/block.h"

namespace pastonly::checkpoint {

/// y = gain x / sqrt(mean(x^2) + epsilon) of one row; without gains they count as 1. y may be x.
void rms_norm(const float* x, const float* gain, std::size_t size, double epsilon, float* y);

/// Row by row: RMS, or mean removed and a bias added.
void normalise(Norm norm, const NormWeights& weights, double epsilon, kernels::Block<const float> x,
               kernels::Block<float> y);

}  // namespace pastonly::checkpoint
