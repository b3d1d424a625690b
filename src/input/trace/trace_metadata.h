#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "input/tensor/safetensors.h"
#include "input/trace/trace_file.h"
#include "pastonly/trace.h"

namespace pastonly::input {

inline constexpr std::array<std::string_view, 8> metadata_keys{"schema", "mode",   "stage", "compute",
                                                               "vocab",  "layout", "rule",  "producer"};

/// What a trace says about itself, or the user about it.
struct TraceMetadata {
  Mode mode = Mode::unknown;
  Stage stage = Stage::unknown;
  std::optional<TokenOrder> order;
  std::optional<std::uint64_t> vocab;
  std::optional<DType> compute;
  std::string rule;
  std::string producer;
  std::vector<std::string> unknown;  ///< keys that no trace has, of a file that says it is one
};

/// Unknown schemas and values are input errors naming the key; a flag that contradicts the file is a usage
/// error.
Expected<TraceMetadata> read_metadata(const TensorFile& file, const TraceOptions& options);

std::string_view name(TokenOrder order) noexcept;

}  // namespace pastonly::input
