#pragma once

#include <string>

#include "input/trace/trace_roles.h"

namespace pastonly::input {

/// The array as one layer's part: (T, columns) or (B, S, columns), or (columns) for a bias. Another rank,
/// no columns, or an element type that the part cannot have is an input error.
Expected<LayerArray> layer_array(const Tensor& tensor, Kind kind, const std::string& file);

/// Formats that name nothing: one integer array (tokens, layers, K), (tokens, K) or (B, S, layers, K), alone
/// or beside tokens, valid and logprobs, is a serving engine's routed experts; floating-point arrays (T, N)
/// of one shape whose names differ in a number, or one such array alone, are Hugging Face router logits.
/// Anything else is a usage error asking for --map.
Expected<TraceRoles> foreign_roles(const TensorFile& file);

/// "'a' (64, 8) F32, 'b' ..." for messages; long lists are cut.
std::string list_arrays(const TensorFile& file);

}  // namespace pastonly::input
