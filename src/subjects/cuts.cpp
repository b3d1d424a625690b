#include "subjects/cuts.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "subjects/prime.h"

namespace pastonly::subjects {
namespace {

void add_divisors(std::uint64_t of, std::set<std::uint64_t>& out) {
  for (std::uint64_t d = 1; d * d <= of; ++d) {
    if (of % d != 0) continue;
    if (d >= 2) out.insert(d);
    if (of / d >= 2) out.insert(of / d);
  }
}

void add_sequence_major(std::span<const CutPoint> cuts, const Layout& layout, std::set<std::uint64_t>& out) {
  const std::uint64_t rows = layout.sequences;
  for (std::uint64_t width = rows + 1; width <= layout.tokens(); ++width) {
    const bool blind = std::all_of(cuts.begin(), cuts.end(), [&](const CutPoint& at) {
      const std::uint64_t after = at.cut * rows + at.row;
      return after / width != (after - rows) / width;
    });
    if (blind) out.insert(width);
  }
}

/// How many widths are unseen for shifts of 0 to `most_shift`.
std::size_t count_unseen(std::span<const CutPoint> cuts, const Layout& layout, bool order_known,
                         std::size_t most_shift) {
  std::size_t count = 0;
  for (std::size_t shift = 0; shift <= most_shift && shift + 1 < layout.positions; ++shift)
    count += unseen_chunks(cuts, layout, order_known, shift).size();
  return count;
}

/// Whether these cuts leave no width unseen: on rows in turn, and in a batch-major batch on any one row.
bool sees_all(const std::vector<std::size_t>& cuts, const Layout& layout) {
  const std::size_t rows = layout.sequences;
  const bool any_row = layout.order == TokenOrder::batch_major;
  for (std::size_t shift = any_row ? 0 : rows; shift <= rows; ++shift) {
    std::vector<CutPoint> points;
    for (std::size_t i = 0; i < cuts.size(); ++i)
      points.push_back({shift < rows ? shift : i % rows, cuts[i]});
    if (count_unseen(points, layout, true, 1) > 0) return false;
  }
  return true;
}

/// The prime nearest to `target` in [1, limit) that is not taken; 1 counts. 0 where none is left.
std::size_t nearest_prime(std::size_t target, std::size_t limit, const std::set<std::size_t>& taken) {
  for (std::size_t distance = 0; distance < limit; ++distance) {
    for (const std::size_t candidate : {target - std::min(target, distance), target + distance}) {
      const bool usable = candidate >= 1 && candidate < limit && (candidate == 1 || is_prime(candidate));
      if (usable && !taken.contains(candidate)) return candidate;
    }
  }
  return 0;
}

/// Positions in the order in which a further cut is looked for.
std::vector<std::size_t> further_candidates(std::size_t positions) {
  constexpr std::size_t tried = 64;
  std::vector<std::size_t> out(positions - 1);
  std::iota(out.begin(), out.end(), std::size_t{1});
  std::ranges::stable_sort(out, {}, [&](std::size_t cut) {
    const std::size_t from_middle = 2 * cut > positions ? 2 * cut - positions : positions - 2 * cut;
    return std::pair(!is_prime(cut), from_middle);
  });
  if (out.size() <= tried) return out;
  out.resize(tried - 2);
  out.insert(out.end(), {1, 2});
  return out;
}

}  // namespace

std::vector<std::uint64_t> unseen_chunks(std::span<const CutPoint> cuts, const Layout& whole,
                                         bool order_known, std::size_t shift) {
  std::vector<CutPoint> used;
  for (const CutPoint& at : cuts) {
    if (at.cut > shift) used.push_back({at.row, at.cut - shift});
  }
  std::set<std::uint64_t> unseen;
  if (used.empty()) return {};
  const Layout layout{whole.sequences, whole.positions - shift, whole.order};
  std::uint64_t per_row = 0, flattened = 0;
  for (const CutPoint& at : used) {
    per_row = std::gcd(per_row, std::uint64_t{at.cut});
    flattened = std::gcd(flattened, std::uint64_t{at.row * layout.positions + at.cut});
  }
  add_divisors(per_row, unseen);
  if (order_known && layout.order == TokenOrder::sequence_major) {
    add_sequence_major(used, layout, unseen);
  } else {
    add_divisors(flattened, unseen);
  }
  if (!order_known) {
    std::set<std::uint64_t> steps;
    add_divisors(per_row, steps);
    for (const std::uint64_t width : steps) unseen.insert(width * layout.sequences);
  }
  return {unseen.begin(), unseen.end()};
}

std::vector<CutPoint> further_cuts(std::span<const CutPoint> cuts, const Layout& layout, bool order_known,
                                   std::size_t most_shift) {
  if (cuts.empty() || layout.positions < 2) return {};
  std::vector<CutPoint> all(cuts.begin(), cuts.end()), added;
  std::size_t unseen = count_unseen(all, layout, order_known, most_shift);
  const auto candidates = further_candidates(layout.positions);
  const std::size_t rows = std::min<std::size_t>(layout.sequences, 8);
  while (unseen > 0 && added.size() < 2) {
    CutPoint best;
    std::size_t fewest = unseen;
    all.emplace_back();
    for (std::size_t i = 0; i < candidates.size() * rows && fewest > 0; ++i) {
      all.back() = {i % rows, candidates[i / rows]};
      const std::size_t left = count_unseen(all, layout, order_known, most_shift);
      if (left >= fewest) continue;
      fewest = left;
      best = all.back();
    }
    all.pop_back();
    if (fewest == unseen) break;
    all.push_back(best);
    added.push_back(best);
    unseen = fewest;
  }
  if (unseen == 0) return added;
  // In row 0 these are inside the first chunk of every width.
  added = {{0, 1}};
  if (most_shift > 0) added.push_back({0, 2});
  all.assign(cuts.begin(), cuts.end());
  all.insert(all.end(), added.begin(), added.end());
  return count_unseen(all, layout, order_known, most_shift) == 0 ? added : std::vector<CutPoint>{};
}

std::vector<std::size_t> choose_cuts(const Layout& layout, std::size_t count) {
  if (layout.positions < 2 || count == 0) return {};
  if (count == 1) return {1};
  // Distinct primes have no common divisor; spread over the row they meet chunks of every width.
  std::set<std::size_t> chosen;
  // In a sequence-major batch only (row 0, cut 1) is inside the first chunk of every width, and close to it
  // only cut 2 where the first token takes no part.
  if (layout.order == TokenOrder::sequence_major) chosen.insert(1);
  if (layout.order == TokenOrder::sequence_major && count > 2 && layout.positions > 3) chosen.insert(2);
  for (std::size_t i = chosen.size(); i < count; ++i) {
    const std::size_t target = std::max<std::size_t>(1, (i + 1) * layout.positions / (count + 1));
    if (const std::size_t cut = nearest_prime(target, layout.positions, chosen)) chosen.insert(cut);
  }
  std::vector<std::size_t> cuts(chosen.begin(), chosen.end());
  // A flattened or sequence-major batch may still line up with some width: move the last cut, nearest first.
  const std::size_t last = cuts.back();
  for (std::size_t distance = 1; !sees_all(cuts, layout) && distance < layout.positions; ++distance) {
    for (const std::size_t candidate : {last - std::min(last, distance), last + distance}) {
      if (candidate < 1 || candidate >= layout.positions) continue;
      if (std::find(cuts.begin(), cuts.end() - 1, candidate) != cuts.end() - 1) continue;
      cuts.back() = candidate;
      if (sees_all(cuts, layout)) break;
    }
  }
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

}  // namespace pastonly::subjects
