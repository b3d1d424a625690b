#include "stats/strangeness.h"

#include <bit>

#include "kernels/elementary.h"

namespace pastonly::stats {
namespace {

/// -log2 of (count + 1/2) / members, for count of the others.
std::vector<double> costs_of(std::size_t members) {
  std::vector<double> out(members);
  for (std::size_t count = 0; count < members; ++count)
    out[count] = -kernels::log2((static_cast<double>(count) + 0.5) / static_cast<double>(members));
  return out;
}

}  // namespace

std::vector<double> strangeness(std::span<const DecisionBits* const> members, std::size_t bits) {
  const std::size_t n = members.size();
  std::vector<double> out(n, 0.0);
  if (n < 2) return out;
  const std::vector<double> costs = costs_of(n);
  for (std::size_t word = 0; 64 * word < bits; ++word) {
    const std::size_t rest = bits - 64 * word;
    const std::uint64_t looked_at = rest >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << rest) - 1;
    std::uint64_t some = 0, all = ~std::uint64_t{0};
    for (const DecisionBits* member : members) {
      some |= (*member)[word];
      all &= (*member)[word];
    }
    for (std::uint64_t open = some & ~all & looked_at; open != 0; open &= open - 1) {
      const int bit = std::countr_zero(open);
      std::size_t yes = 0;
      for (const DecisionBits* member : members) yes += ((*member)[word] >> bit) & 1;
      const double of_yes = costs[yes - 1], of_no = costs[n - 1 - yes];
      for (std::size_t i = 0; i < n; ++i) out[i] += (((*members[i])[word] >> bit) & 1) != 0 ? of_yes : of_no;
    }
  }
  return out;
}

}  // namespace pastonly::stats
