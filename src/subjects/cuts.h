#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pastonly/layout.h"

namespace pastonly::subjects {

/// Where one suffix intervention starts to change a sequence: positions >= cut of this row.
struct CutPoint {
  std::size_t row = 0;
  std::size_t cut = 0;
};

/// Chunk widths w >= 2 at which none of the cuts can show a dependence on later tokens, ascending: each
/// cut falls on a border of every chunk that holds tokens of its row. Covered are chunks of each row, and
/// chunks of the flattened batch in the order of `layout`.
/// - per row: w divides every cut.
/// - batch-major: w divides every row * positions + cut.
/// - sequence-major: a border lies between (row, cut - 1) and (row, cut) for every cut; widths up to
///   `sequences` never hold two positions of one row, so nothing is there to see and they are left out.
/// - `order_known` false: batch-major, and chunks of w whole time steps of a sequence-major batch.
/// `shift`: the first tokens of every row take no part, as a special token may; chunks are over the others.
/// Cuts up to `shift` see nothing; they are ignored. Without any cut the answer is empty: nothing was tried,
/// which is for the caller to say.
std::vector<std::uint64_t> unseen_chunks(std::span<const CutPoint> cuts, const Layout& layout,
                                         bool order_known, std::size_t shift = 0);

/// What to cut in addition, at most two cuts, so that no chunk width is unseen for shifts of 0 to
/// `most_shift` (at most 1): primes first, the nearest to the middle of the row, then other positions, 64 of
/// 8 rows at most; where these do not do, 1 and 2 in row 0. Empty where none is unseen, where nothing was
/// cut, or where the rows are too short.
std::vector<CutPoint> further_cuts(std::span<const CutPoint> cuts, const Layout& layout, bool order_known,
                                   std::size_t most_shift);

/// `count` cuts, ascending and distinct, spread over 1 ... positions - 1, such that no chunk width is
/// unseen for shifts of 0 and 1 when cut i is applied to row i % sequences at least; in a batch-major batch,
/// whichever row each is applied to, as long as it is the same. Fewer where the row is too short; a single
/// cut is 1, the only one without divisors.
std::vector<std::size_t> choose_cuts(const Layout& layout, std::size_t count);

}  // namespace pastonly::subjects
