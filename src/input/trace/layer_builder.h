#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "input/trace/batch_shape.h"
#include "input/trace/trace_roles.h"
#include "pastonly/trace.h"

namespace pastonly::input {

/// One layer's arrays as a record of the given shape: the number of experts settled, columns checked,
/// the bias read. What is odd goes to `issues`.
Expected<LayerRecord> build_layer(std::uint32_t index,
                                  const std::array<std::optional<LayerArray>, kinds>& parts,
                                  const Layout& layout, const TraceOptions& options, const std::string& file,
                                  std::vector<TraceIssue>& issues);

}  // namespace pastonly::input
