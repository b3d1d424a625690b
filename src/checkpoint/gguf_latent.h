#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/description.h"
#include "checkpoint/weights.h"
#include "pastonly/error.h"

namespace pastonly::checkpoint {

/// Tensors under the names of a Hugging Face checkpoint.
using Named = std::map<std::string, StoredTensor, std::less<>>;

/// Puts kv_b_proj together in every layer where it stands in two tensors, as the converter of llama.cpp
/// splits it: in float32, kept by `storage`. Input errors name file and tensor: a shape that is not
/// described.
Expected<void> join_latent(const Description& description, Named& tensors,
                           std::vector<std::shared_ptr<const void>>& storage);

}  // namespace pastonly::checkpoint
