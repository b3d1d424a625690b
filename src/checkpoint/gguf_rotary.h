#pragma once

#include "checkpoint/gguf_keys.h"

namespace pastonly::checkpoint {

/// rope_parameters of config.json, by the keys rope.* and the tensor rope_freqs.weight. `latent`: yarn as
/// DeepSeek has it, where the scale of attention grows instead of cosines and sines.
input::Json rope_of(GgufKeys& keys, bool latent = false);

}  // namespace pastonly::checkpoint
