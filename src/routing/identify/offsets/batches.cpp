#include "routing/identify/offsets/batches.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace pastonly::routing::hypotheses {
namespace {

bool same_token(const RunView& a, const RunView& b, std::size_t token) {
  const auto& one = a.run().tokens;
  const auto& other = b.run().tokens;
  if (one.size() == a.tokens() && other.size() == b.tokens()) return one[token] == other[token];
  // Without token ids: scores that agree but for rounding.
  const auto s = a.scores().row(token), t = b.scores().row(token);
  return std::ranges::equal(s, t, [](float x, float y) {
    return x == y || std::abs(x - y) <= 1e-4F * std::max(std::abs(x), std::abs(y));
  });
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

}  // namespace

bool several_batches(const RunSet& runs) {
  const auto base = runs.view(0);
  for (std::size_t i = 1; i < runs.size(); ++i) {
    if (differs(*base, *runs.view(i))) return true;
  }
  return false;
}

}  // namespace pastonly::routing::hypotheses
