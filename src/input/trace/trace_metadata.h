#pragma once

#include <optional>
#include <string>

#include "input/tensor/safetensors.h"
#include "input/trace/trace_file.h"
#include "pastonly/trace.h"

namespace pastonly::input {

/// What a trace says about itself, or the user about it.
struct TraceMetadata {
  Mode mode = Mode::unknown;
  Stage stage = Stage::unknown;
  std::optional<TokenOrder> order;
  std::optional<std::uint64_t> vocab;
  std::optional<DType> compute;
  std::string rule;
  std::string producer;
};

/// Unknown schemas and values are input errors naming the key; a flag that contradicts the file is a usage
/// error.
Expected<TraceMetadata> read_metadata(const TensorFile& file, const TraceOptions& options);

std::string_view name(TokenOrder order) noexcept;

}  // namespace pastonly::input
