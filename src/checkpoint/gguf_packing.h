#pragma once

#include "checkpoint/stored_matrix.h"
#include "checkpoint/weights.h"

namespace pastonly::checkpoint {

/// The matrix of a tensor of a GGUF file, (outputs, inputs) line by line, whose element type holds weights.
/// Requires bytes for all of it.
StoredMatrix gguf_matrix(const StoredTensor& tensor, std::size_t outputs, std::size_t inputs);

}  // namespace pastonly::checkpoint
