#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "input/tensor/torch_file.h"
#include "input/trace/trace_file.h"

namespace pastonly::input {

/// The record that a text is, recognised by its content; nullopt where it is neither JSON nor a CSV that is
/// known. JSON of another kind is an input error that lists what it holds.
std::optional<Expected<TensorFile>> read_text_record(const std::string& path, std::string_view text,
                                                     const TraceOptions& options);

/// The record that a file of torch.save is; nullopt where it is none that is known.
std::optional<Expected<TensorFile>> read_torch_record(const TorchFile& file, const TraceOptions& options);

}  // namespace pastonly::input
