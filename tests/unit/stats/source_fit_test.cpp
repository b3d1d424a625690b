#include "stats/source_fit.h"

#include <cmath>
#include <map>
#include <numeric>
#include <vector>

#include "catch.h"
#include "stats/random.h"

using namespace pastonly;
using namespace pastonly::stats;

namespace {

TokenSource uniform(std::uint64_t vocab) { return *TokenSource::make(Source{"uniform", vocab}); }

std::vector<std::int64_t> drawn(std::uint64_t seed, std::size_t count, std::uint64_t vocab) {
  CounterRng rng(seed);
  std::vector<std::int64_t> tokens(count);
  for (auto& token : tokens) token = static_cast<std::int64_t>(rng.below(vocab));
  return tokens;
}

SourceFit fitted(const std::vector<std::int64_t>& tokens, std::uint64_t vocab, std::size_t positions = 128) {
  SourceFit fit;
  fit.add(uniform(vocab), tokens, {}, positions);
  return fit;
}

}  // namespace

TEST_CASE("tokens of the source do not contradict it", "[stats][source]") {
  double sum = 0.0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const SourceFit fit = fitted(drawn(seed, 1024, 64), 64);
    CHECK(fit.log2_e() < 20.0);
    sum += std::exp2(fit.log2_e()) / 200.0;
    CHECK(fit.gain().predictor_bits <= std::max(0.0, fit.log2_e()) + std::log2(86.0));
  }
  CHECK(sum < 1.5);  // an e-value: its mean is at most 1
  CHECK(fitted({}, 64, 1).log2_e() == 0.0);
  CHECK(fitted({5}, 64, 1).log2_e() == Approx(0.0).margin(1e-12));
  CHECK(fitted({5}, 64, 1).gain().predictor_bits == 0.0);
}

TEST_CASE("a true source is refuted no more often than at the level", "[stats][source]") {
  for (const std::uint64_t vocab : {4, 16, 64}) {
    int refuted = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      const double most = fitted(drawn(1000 + seed, 1024, vocab), vocab, 32).log2_supremum();
      refuted += most > std::log2(20.0) ? 1 : 0;
    }
    CAPTURE(vocab, refuted);
    CHECK(refuted <= 20);  // 10 at most are expected; 20 are exceeded once in 500
  }
}

TEST_CASE("tokens of a Markov source do not contradict it", "[stats][source]") {
  const auto source = TokenSource::make(Source{"markov", 16, 2, 4, 3});
  REQUIRE(source);
  double sum = 0.0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    std::vector<std::int64_t> tokens;
    source->draw(seed, 8, 64, tokens);
    SourceFit fit;
    fit.add(*source, tokens, {}, 64);
    sum += std::exp2(fit.log2_e()) / 100.0;
    CHECK(fitted(tokens, 16, 64).log2_e() > 20.0);  // uniform was named
  }
  CHECK(sum < 1.5);
}

TEST_CASE("an urn of no context is Polya's, written out", "[stats][source]") {
  // A single urn gains most where one token comes all the time; so do urns of other contexts, later.
  const std::vector<std::int64_t> same(20, 3);
  double bits = 0.0;
  for (int n = 0; n < 20; ++n) bits += std::log2((n + 1.0 / 64.0) / (n + 1.0) * 64.0);
  const auto best = fitted(same, 64).gain();
  CHECK(best.predictor == "how often each token came");
  CHECK(best.predictor_bits == Approx(bits));
}

TEST_CASE("tokens of another source contradict it", "[stats][source]") {
  CHECK(fitted(drawn(1, 1024, 32), 64).log2_e() > 20.0);  // half of the vocabulary only
  // Uniform one by one, but each is its predecessor plus one or two.
  std::vector<std::int64_t> walk(1024);
  CounterRng rng(2);
  for (std::size_t i = 1; i < walk.size(); ++i) {
    walk[i] = (walk[i - 1] + 1 + static_cast<std::int64_t>(rng.below(2))) % 64;
  }
  CHECK(fitted(walk, 64).log2_e() > 20.0);
  // The same behind padding is not looked at.
  const std::vector<std::uint8_t> invalid(walk.size(), 0);
  SourceFit padded;
  padded.add(uniform(64), walk, invalid, 128);
  CHECK(padded.log2_e() == 0.0);
}

TEST_CASE("dependences that no pair of neighbours shows are found", "[stats][source]") {
  CounterRng rng(4);
  auto second = drawn(1, 4096, 8), repeated = drawn(2, 1024, 64), passage = drawn(3, 1024, 64);
  for (std::size_t i = 2; i < second.size(); ++i) {
    if (rng.below(2) == 0) second[i] = (3 * second[i - 1] + 5 * second[i - 2]) % 8;
  }
  for (std::size_t i = 2; i < repeated.size(); ++i) {
    if (rng.below(10) == 0) repeated[i] = repeated[i - 2];
  }
  for (std::size_t row = 0; row < 8; ++row) {
    for (std::size_t s = 64; s < 128; ++s) passage[row * 128 + s] = passage[row * 128 + s - 64];
  }
  std::vector<std::int64_t> without;  // each row is a permutation of the vocabulary
  for (std::size_t row = 0; row < 8; ++row) {
    std::vector<std::int64_t> words(64);
    std::iota(words.begin(), words.end(), 0);
    for (std::size_t i = 64; i > 1; --i) std::swap(words[i - 1], words[rng.below(i)]);
    without.insert(without.end(), words.begin(), words.end());
  }
  CHECK(fitted(second, 8).gain().predictor == "what followed the last two tokens");
  CHECK(fitted(repeated, 64).gain().predictor == "whether the token of 2 before comes again");
  CHECK(fitted(passage, 64).log2_e() > 20.0);
  const auto missing = fitted(without, 64, 64).gain();
  CHECK(missing.predictor == "whether the row has had the token before");
  CHECK(missing.bits > 200.0);
}
