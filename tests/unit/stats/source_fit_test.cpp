#include "stats/source_fit.h"

#include <vector>

#include "catch.h"
#include "stats/random.h"

using namespace pastonly::stats;

namespace {

std::vector<std::int64_t> drawn(std::uint64_t seed, std::size_t count, std::uint64_t vocab) {
  CounterRng rng(seed);
  std::vector<std::int64_t> tokens(count);
  for (auto& token : tokens) token = static_cast<std::int64_t>(rng.below(vocab));
  return tokens;
}

}  // namespace

TEST_CASE("tokens of the source do not contradict it", "[stats][source]") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CHECK(source_misfit(drawn(seed, 1024, 64), {}, 128, 64) < 20.0);
  }
  CHECK(source_misfit({}, {}, 1, 64) == 0.0);
  CHECK(source_misfit(drawn(1, 1, 64), {}, 1, 64) == Approx(0.0).margin(1e-12));
}

TEST_CASE("tokens of another source contradict it", "[stats][source]") {
  // Half of the vocabulary only.
  CHECK(source_misfit(drawn(1, 1024, 32), {}, 128, 64) > 20.0);
  // Uniform one by one, but each is its predecessor plus one or two.
  std::vector<std::int64_t> walk(1024);
  CounterRng rng(2);
  for (std::size_t i = 1; i < walk.size(); ++i) {
    walk[i] = (walk[i - 1] + 1 + static_cast<std::int64_t>(rng.below(2))) % 64;
  }
  CHECK(source_misfit(walk, {}, 128, 64) > 20.0);
  // The same behind padding is not looked at.
  const std::vector<std::uint8_t> invalid(walk.size(), 0);
  CHECK(source_misfit(walk, invalid, 128, 64) == 0.0);
}
