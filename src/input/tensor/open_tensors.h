#pragma once

#include <filesystem>

#include "input/tensor/safetensors.h"
#include "input/trace/trace_file.h"

namespace pastonly::input {

/// Opens a file of arrays by its ending (.safetensors, .npy, .npz) or else by its content: torch.save's
/// files, engines' records (records/read_record.h), arrays; with --shape as raw little-endian int32.
Expected<TensorFile> open_tensors(const std::filesystem::path& path, const TraceOptions& options);

/// All of a one-column tensor as double, (tokens). F32, F16 and BF16 widen exactly.
void read_doubles(const TokenTensor& tensor, std::span<double> out);

}  // namespace pastonly::input
