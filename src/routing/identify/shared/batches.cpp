#include "routing/identify/shared/batches.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace pastonly::routing::hypotheses {
namespace {

bool same_score(float x, float y) {
  return x == y || std::abs(x - y) <= 1e-4F * std::max(std::abs(x), std::abs(y));
}

bool same_token(const RunView& a, const RunView& b, std::size_t token) {
  const auto& one = a.run().tokens;
  const auto& other = b.run().tokens;
  if (one.size() == a.tokens() && other.size() == b.tokens()) return one[token] == other[token];
  // Without token ids: scores that agree but for rounding.
  const auto s = a.scores().row(token), t = b.scores().row(token);
  return std::ranges::equal(s, t, same_score);
}

/// Sequences that only changed places are the same batch.
bool differs(const RunView& base, const RunView& other) {
  const auto& layout = base.layout();
  if (!(layout == other.layout())) return false;  // a longer batch keeps what it had
  std::size_t changed = 0;
  for (std::size_t token = 0; token < layout.tokens(); ++token)
    changed += same_token(base, other, token) ? 0 : 1;
  if (2 * changed < layout.tokens()) return false;
  const auto& ids = other.run().tokens;
  if (ids.size() != layout.tokens() || base.run().tokens.size() != layout.tokens()) return true;
  const auto sorted = [](std::span<const std::int64_t> values) {
    std::vector<std::int64_t> copy(values.begin(), values.end());
    std::ranges::sort(copy);
    return copy;
  };
  return sorted(ids) != sorted(base.run().tokens);
}

/// The sequence of `other` that holds the tokens of sequence `row` of `one`; `other`'s number of sequences if
/// none does.
std::size_t find_sequence(const RunView& one, std::size_t row, const RunView& other) {
  const auto& layout = one.layout();
  const std::size_t wide = layout.positions * one.experts();
  const float* const own = one.scores().data() + row * wide;
  const auto holds = [&](std::size_t candidate) {
    const float* const its = other.scores().data() + candidate * wide;
    return std::equal(own, own + wide, its, same_score);
  };
  if (holds(row)) return row;
  for (std::size_t candidate = 0; candidate < layout.sequences; ++candidate) {
    if (holds(candidate)) return candidate;
  }
  return layout.sequences;
}

}  // namespace

Kinship kinship(const RunSet& runs, std::size_t one, std::size_t other) {
  const auto a = runs.view(one), b = runs.view(other);
  if (!(a->layout() == b->layout())) return Kinship::none;
  std::size_t found = 0;
  std::vector<std::uint8_t> taken(a->layout().sequences, 0);
  for (std::size_t row = 0; row < a->layout().sequences; ++row) {
    const std::size_t its = find_sequence(*a, row, *b);
    if (its == taken.size() || taken[its] != 0) continue;
    taken[its] = 1;
    ++found;
  }
  if (found == taken.size()) return Kinship::equal;
  if (found > 0) return Kinship::related;
  std::size_t kept = 0;
  for (std::size_t token = 0; token < a->tokens(); ++token) kept += same_token(*a, *b, token) ? 1 : 0;
  return 4 * kept >= a->tokens() ? Kinship::related : Kinship::none;
}

bool several_batches(const RunSet& runs) {
  const auto base = runs.view(0);
  for (std::size_t i = 1; i < runs.size(); ++i) {
    if (differs(*base, *runs.view(i))) return true;
  }
  return false;
}

}  // namespace pastonly::routing::hypotheses
