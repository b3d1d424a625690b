#include "subjects/token_batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace pastonly::subjects {
namespace {

bool listed(const std::vector<std::size_t>& rows, std::size_t row) {
  return std::find(rows.begin(), rows.end(), row) != rows.end();
}

/// "" or what does not fit.
std::string misfit(const Intervention& run, const Layout& layout) {
  for (const auto* rows : {&run.rows, &run.keep}) {
    for (const std::size_t row : *rows) {
      if (row >= layout.sequences) return fmt::format("row {} of {} sequences", row, layout.sequences);
    }
  }
  if (!run.cuts.empty() && run.cuts.size() != run.rows.size())
    return fmt::format("{} cuts for {} rows", run.cuts.size(), run.rows.size());
  if (run.kind != Intervention::Kind::order) return "";
  std::vector<std::size_t> sorted = run.permutation, rows(layout.sequences);
  std::sort(sorted.begin(), sorted.end());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  return sorted == rows ? "" : fmt::format("a permutation that is none of {} sequences", layout.sequences);
}

std::span<std::int64_t> row_of(TokenBatch& batch, std::size_t row) {
  return std::span(batch.tokens).subspan(batch.layout.token(row, 0), batch.layout.positions);
}

template <class T>
void copy_row(const std::vector<T>& from, std::size_t from_width, std::size_t from_row, std::vector<T>& to,
              std::size_t to_width, std::size_t to_row) {
  if (from.empty()) return;
  std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(from_row * from_width), from_width,
              to.begin() + static_cast<std::ptrdiff_t>(to_row * to_width));
}

TokenBatch permuted(const TokenBatch& base, const std::vector<std::size_t>& permutation) {
  TokenBatch out = base;
  const std::size_t width = base.layout.positions;
  for (std::size_t row = 0; row < permutation.size(); ++row) {
    copy_row(base.tokens, width, permutation[row], out.tokens, width, row);
    copy_row(base.valid, width, permutation[row], out.valid, width, row);
  }
  return out;
}

TokenBatch lengthened(const Intervention& run, const TokenBatch& base, const Redraw& redraw) {
  TokenBatch out;
  out.layout = base.layout;
  out.layout.positions += run.append;
  out.tokens.assign(out.layout.tokens(), 0);
  if (!base.valid.empty()) out.valid.assign(out.layout.tokens(), 1);
  for (std::size_t row = 0; row < base.layout.sequences; ++row) {
    copy_row(base.tokens, base.layout.positions, row, out.tokens, out.layout.positions, row);
    copy_row(base.valid, base.layout.positions, row, out.valid, out.layout.positions, row);
    redraw(run, row, base.layout.positions, row_of(out, row));
  }
  return out;
}

}  // namespace

Expected<TokenBatch> intervened(const Intervention& run, const TokenBatch& base, const Redraw& redraw) {
  using RunKind = Intervention::Kind;
  if (const std::string why = misfit(run, base.layout); !why.empty())
    return usage_error(fmt::format("run {} of kind {} names {}", run.id, name(run.kind), why));
  if (run.kind == RunKind::order) return permuted(base, run.permutation);
  if (run.kind == RunKind::length) return lengthened(run, base, redraw);
  TokenBatch batch = base;
  for (std::size_t row = 0; row < base.layout.sequences; ++row) {
    const std::size_t end = base.layout.positions;
    const std::size_t cut = run.kind == RunKind::suffix ? cut_of(run, row).value_or(end) : end;
    const bool replaced = run.kind == RunKind::batch && !listed(run.keep, row);
    if (cut < end) redraw(run, row, cut, row_of(batch, row));
    if (replaced) redraw(run, row, 0, row_of(batch, row));
  }
  return batch;
}

}  // namespace pastonly::subjects
