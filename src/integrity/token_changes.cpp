#include "integrity/token_changes.h"

#include <algorithm>

namespace pastonly::integrity {

bool tokens_known(const Trace& base, const Trace& run) noexcept {
  return !base.tokens.empty() && !run.tokens.empty();
}

RowChange row_change(const Trace& base, std::size_t base_row, const Trace& run, std::size_t run_row) {
  RowChange out;
  const std::size_t shared = std::min(base.layout.positions, run.layout.positions);
  const std::size_t longest = std::max(base.layout.positions, run.layout.positions);
  for (std::size_t position = 0; position < longest && !out.first; ++position) {
    const std::size_t was = base.layout.token(base_row, position), is = run.layout.token(run_row, position);
    const bool was_valid = position < base.layout.positions && base.is_valid(was);
    const bool valid = position < run.layout.positions && run.is_valid(is);
    const bool differs = position >= shared || base.tokens[was] != run.tokens[is] || was_valid != valid;
    out.any = out.any || differs;
    if (differs && (was_valid || valid)) out.first = position;
  }
  return out;
}

bool changes_tokens(const Trace& base, const Trace& run) {
  if (!tokens_known(base, run) || base.layout.sequences != run.layout.sequences) return true;
  for (std::size_t row = 0; row < base.layout.sequences; ++row) {
    if (row_change(base, row, run, row).first) return true;
  }
  return false;
}

}  // namespace pastonly::integrity
