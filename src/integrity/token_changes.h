#pragma once

#include <cstddef>
#include <optional>

#include "pastonly/trace.h"

namespace pastonly::integrity {

/// What really differs between a row of a run and the row of the base that it was made of. Rows that are not
/// of equal length differ where the shorter ends.
struct RowChange {
  bool any = false;  ///< a token or its validity, padding included
  /// The first position whose token differs where either run holds it for valid; nothing where only padding
  /// differs, or nothing.
  std::optional<std::size_t> first;
};

/// Whether tokens can be compared at all: both traces hold them.
bool tokens_known(const Trace& base, const Trace& run) noexcept;

/// Requires tokens_known, and rows that exist.
RowChange row_change(const Trace& base, std::size_t base_row, const Trace& run, std::size_t run_row);

/// Whether some row of the run differs in a valid token from the base's row of the same number. True where
/// tokens are not known: then the plan is taken at its word.
bool changes_tokens(const Trace& base, const Trace& run);

}  // namespace pastonly::integrity
