#pragma once

#include "checkpoint/inference_workspace.h"
#include "checkpoint/layer_weights.h"

namespace pastonly::checkpoint {

/// The rows as they enter products with such a matrix: rounded into `rounded` where the workspace asks for
/// it.
Operand operand_of(kernels::Block<const float> rows, const StoredMatrix& matrix, kernels::Bf16Rows& rounded,
                   const InferenceWorkspace& workspace);

/// y (rows, outputs) = x W^T + bias, tile by tile of the outputs in parallel.
void apply(const Linear& linear, kernels::Block<const float> x, kernels::Block<float> y,
           InferenceWorkspace& workspace);

/// Adds the bias of outputs [first, first + c.columns) where there is one.
void add_bias(const Linear& linear, std::size_t first, kernels::Block<float> c);

}  // namespace pastonly::checkpoint
