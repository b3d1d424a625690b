#pragma once

#include "checkpoint/description.h"
#include "checkpoint/gguf_keys.h"
#include "checkpoint/weights.h"
#include "pastonly/error.h"

namespace pastonly::checkpoint {

/// The names that `gguf_weights` gives: one scheme, whatever the family.
const Names& gguf_names();

/// The tensors of GGUF files under the names of a Hugging Face checkpoint. The experts of a layer, which
/// stand in one tensor a kind, are offered one by one, as views. Only where latent attention stands in two
/// tensors (attn_k_b, transposed, and attn_v_b) they are put together, in float32. Input errors name the part
/// and its tensor: a type that nothing here reads, experts that are not as many as described, fused
/// projections.
Expected<Weights> gguf_weights(const Description& description, const std::vector<GgufFile>& parts,
                               const GgufTensors& tensors);

}  // namespace pastonly::checkpoint
