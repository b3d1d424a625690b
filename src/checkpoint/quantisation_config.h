#pragma once

#include "checkpoint/quantisation.h"
#include "input/text/object_reader.h"

namespace pastonly::checkpoint {

/// Reads quantization_config, where there is one. Which matrices are quantised, and how, is said by the
/// tensors that are there; this refuses, in the reader, methods and variants that change what is computed in
/// another way.
Quantisation read_quantisation(input::ObjectReader& config);

}  // namespace pastonly::checkpoint
