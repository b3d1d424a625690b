#pragma once

#include <optional>
#include <string>
#include <vector>

#include "input/trace/trace_roles.h"
#include "pastonly/trace.h"

namespace pastonly::input {

/// How the arrays of a file lie over sequences and positions.
struct BatchShape {
  Layout layout;            ///< what the trace has: without the last position where `row_short`
  bool order_known = true;  ///< somebody said batch-major or sequence-major, or one sequence needs neither
  bool batch_known = true;  ///< false: nobody said how many sequences the tokens are; taken as one
  bool flattened = false;   ///< some array is (T, ...) and was split into sequences
  bool row_short = false;   ///< layers hold S - 1 of the S positions of the tokens
};

/// Settles (B, S) from the plan's input, the arrays and --batch, and checks that all arrays agree. `order` is
/// what the file or --layout says.
Expected<BatchShape> settle_shape(const TraceRoles& roles, const TraceOptions& options,
                                  std::optional<TokenOrder> order, const TokensFile* input,
                                  const std::string& file);

/// A whole-batch array, (B, S) or (T), as one with a single column.
LayerArray batch_array(const Tensor& tensor);
/// Requires an array that settle_shape has accepted. Views the first layout.positions positions.
TokenTensor token_tensor(const LayerArray& array, const Layout& layout);

}  // namespace pastonly::input
