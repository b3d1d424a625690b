#include "stats/strangeness.h"

#include <cmath>

#include "catch.h"
#include "stats/random.h"

using namespace pastonly;

namespace {

/// The definition, decision by decision.
double by_hand(const std::vector<std::vector<bool>>& members, std::size_t self, std::size_t bits) {
  double out = 0.0;
  for (std::size_t bit = 0; bit < bits; ++bit) {
    std::size_t alike = 0;
    for (std::size_t other = 0; other < members.size(); ++other)
      alike += other != self && members[other][bit] == members[self][bit] ? 1 : 0;
    const bool agreed = alike + 1 == members.size();
    bool all_agree = agreed;
    for (const auto& member : members) all_agree = all_agree && member[bit] == members[0][bit];
    if (!all_agree)
      out -= std::log2((static_cast<double>(alike) + 0.5) / static_cast<double>(members.size()));
  }
  return out;
}

}  // namespace

TEST_CASE("strangeness is the surprise at a member's decisions, given the others'", "[noise]") {
  stats::CounterRng rng(7);
  for (const std::size_t bits : {1, 63, 64, 65, 200}) {
    for (const std::size_t count : {2, 3, 9}) {
      std::vector<std::vector<bool>> members(count, std::vector<bool>(bits));
      std::vector<stats::DecisionBits> packed(count, stats::DecisionBits((bits + 63) / 64, 0));
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t bit = 0; bit < bits; ++bit) {
          members[i][bit] = rng.uniform() < 0.1 * static_cast<double>(bit % 11);
          if (members[i][bit]) packed[i][bit / 64] |= std::uint64_t{1} << (bit % 64);
        }
      }
      std::vector<const stats::DecisionBits*> pointers;
      for (const auto& one : packed) pointers.push_back(&one);
      for (const std::size_t looked_at : {bits, bits / 2}) {
        const auto found = stats::strangeness(pointers, looked_at);
        for (std::size_t i = 0; i < count; ++i)
          CHECK(found[i] == Approx(by_hand(members, i, looked_at)).margin(1e-9));
      }
    }
  }
  const stats::DecisionBits alone{1};
  const stats::DecisionBits* one = &alone;
  CHECK(stats::strangeness(std::span(&one, 1), 8) == std::vector<double>{0.0});
}
