#include "stats/token_source.h"

#include <cmath>
#include <map>
#include <numeric>

#include "catch.h"
#include "stats/e_process.h"

using namespace pastonly;
using stats::TokenSource;

namespace {

TokenSource made(const Source& source) {
  auto result = TokenSource::make(source);
  REQUIRE(result);
  return *std::move(result);
}

/// Every sequence of `length` tokens.
std::vector<std::vector<std::int64_t>> all_sequences(std::int64_t vocab, std::size_t length) {
  std::vector<std::vector<std::int64_t>> out{{}};
  for (std::size_t i = 0; i < length; ++i) {
    std::vector<std::vector<std::int64_t>> longer;
    for (const auto& sequence : out) {
      for (std::int64_t x = 0; x < vocab; ++x) {
        longer.push_back(sequence);
        longer.back().push_back(x);
      }
    }
    out = std::move(longer);
  }
  return out;
}

double probability(const TokenSource& source, const std::vector<std::int64_t>& sequence) {
  double log2_p = 0.0;
  for (std::size_t i = 0; i < sequence.size(); ++i) {
    log2_p += source.log2_probability(std::span(sequence).first(i), sequence[i]);
  }
  return std::exp2(log2_p);
}

double entropy_of_sequences(const TokenSource& source, std::size_t length) {
  double entropy = 0.0;
  for (const auto& sequence : all_sequences(static_cast<std::int64_t>(source.vocab()), length)) {
    const double p = probability(source, sequence);
    if (p > 0.0) entropy -= p * std::log2(p);
  }
  return entropy;
}

const std::vector<Source> small_sources{{"uniform", 3},         {"markov", 5, 1, 2, 1},
                                        {"markov", 4, 1, 4, 9}, {"markov", 3, 2, 2, 3},
                                        {"markov", 3, 3, 3, 5}, {"markov", 2, 3, 1, 2}};

}  // namespace

TEST_CASE("a source's probabilities sum to 1 and its entropy is that of its sequences", "[stats][source]") {
  for (const Source& named : small_sources) {
    INFO(name(named));
    const TokenSource source = made(named);
    const std::size_t length = 5;
    double sum = 0.0;
    for (const auto& sequence : all_sequences(static_cast<std::int64_t>(named.vocab), length)) {
      sum += probability(source, sequence);
    }
    CHECK(sum == Approx(1.0).epsilon(1e-9));
    // By the chain rule the mean over positions 1 to n - 1 is (H(n tokens) - H(1 token)) / (n - 1).
    const double whole = entropy_of_sequences(source, length), one = entropy_of_sequences(source, 1);
    CHECK(source.entropy_bits(length) == Approx((whole - one) / (length - 1.0)).epsilon(1e-9));
    CHECK(source.entropy_bits() ==
          Approx(whole - entropy_of_sequences(source, length - 1)).epsilon(1e-9).margin(1e-12));
  }
}

TEST_CASE("a Markov source is stationary: every tuple of its order is equally likely anywhere",
          "[stats][source]") {
  for (const Source& named : small_sources) {
    INFO(name(named));
    const TokenSource source = made(named);
    const std::size_t order = std::max<std::size_t>(1, source.order());
    std::map<std::vector<std::int64_t>, double> late;  // the last `order` of order + 2 tokens
    for (const auto& sequence : all_sequences(static_cast<std::int64_t>(named.vocab), order + 2)) {
      late[{sequence.end() - static_cast<std::ptrdiff_t>(order), sequence.end()}] +=
          probability(source, sequence);
    }
    const double equal = std::pow(static_cast<double>(named.vocab), -static_cast<double>(order));
    for (const auto& [tuple, p] : late) CHECK(p == Approx(equal).epsilon(1e-9));
  }
}

TEST_CASE("drawn tokens follow the stated probabilities", "[stats][source]") {
  for (const Source& named :
       {Source{"uniform", 8}, Source{"markov", 8, 1, 3, 4}, Source{"markov", 6, 2, 3, 4}}) {
    INFO(name(named));
    const TokenSource source = made(named);
    std::vector<std::int64_t> tokens;
    const std::size_t rows = 64, positions = 256;
    source.draw(11, rows, positions, tokens);
    std::vector<double> log2_p(tokens.size());
    source.log2_probabilities(tokens, {}, positions, log2_p);
    // The mean surprise is the entropy; its standard error here is below 0.008.
    double bits = 0.0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      REQUIRE(std::isfinite(log2_p[i]));
      if (i % positions != 0) bits -= log2_p[i];
    }
    CHECK(bits / static_cast<double>(rows * (positions - 1)) ==
          Approx(source.entropy_bits(positions)).margin(0.04));
    // Counts of every transition of order 1 against their expectation.
    std::map<std::pair<std::int64_t, std::int64_t>, double> seen;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (i % positions != 0) seen[{tokens[i - 1], tokens[i]}] += 1.0;
    }
    if (source.order() > 1) continue;
    const double contexts = static_cast<double>(rows * (positions - 1)) / static_cast<double>(named.vocab);
    for (std::int64_t a = 0; a < 8; ++a) {
      for (std::int64_t b = 0; b < 8; ++b) {
        const double p = std::exp2(source.log2_probability({&a, 1}, b));
        CHECK(seen[{a, b}] / contexts == Approx(p).margin(0.06));
      }
    }
  }
}

TEST_CASE("a row depends on seed and row alone, and goes on where it was cut", "[stats][source]") {
  const TokenSource source = made({"markov", 16, 2, 4, 7});
  std::vector<std::int64_t> few, many, again;
  source.draw(3, 2, 40, few);
  source.draw(3, 5, 40, many);
  CHECK(std::equal(few.begin(), few.end(), many.begin()));
  source.draw(4, 2, 40, again);
  CHECK(again != few);
  std::vector<std::int64_t> row(many.begin(), many.begin() + 40);
  stats::CounterRng rng(99);
  source.extend(rng, row, 17);
  CHECK(std::equal(row.begin(), row.begin() + 17, many.begin()));
  for (std::size_t i = 17; i < row.size(); ++i) {
    CHECK(std::isfinite(source.log2_probability(std::span(row).first(i), row[i])));
  }
}

TEST_CASE("the table does not repeat the draws of an equal seed", "[stats][source]") {
  // The e-process of the chain's own permutations as a predictor of the first tokens stays at 1.
  const TokenSource source = made({"markov", 16, 1, 1, 5});
  std::vector<std::int64_t> tokens;
  source.draw(5, 16, 2, tokens);
  int hits = 0;
  for (std::int64_t row = 0; row < 16; ++row) {
    hits += source.log2_probability({&row, 1}, tokens[static_cast<std::size_t>(2 * row)]) == 0.0;
  }
  CHECK(hits < 6);
}

TEST_CASE("class probabilities are sums of token probabilities", "[stats][source]") {
  for (const Source& named : {Source{"uniform", 10}, Source{"markov", 10, 2, 4, 1}}) {
    const TokenSource source = made(named);
    const std::vector<std::int64_t> past{1, 7, 3};
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
      const auto seen = std::span(past).first(length);
      std::vector<double> classes(4), sums(4);
      source.class_probabilities(seen, classes);
      for (std::int64_t x = 0; x < 10; ++x) {
        sums[static_cast<std::size_t>(x % 4)] += std::exp2(source.log2_probability(seen, x));
      }
      for (std::size_t c = 0; c < 4; ++c) CHECK(classes[c] == Approx(sums[c]).margin(1e-12));
    }
  }
}

TEST_CASE("padding and impossible tokens", "[stats][source]") {
  const TokenSource source = made({"markov", 16, 1, 2, 3});
  const std::vector<std::int64_t> tokens{3, 5, 99, 4, -1, 2};
  const std::vector<std::uint8_t> valid{1, 1, 0, 1, 1, 1};
  std::vector<double> log2_p(tokens.size());
  source.log2_probabilities(tokens, valid, tokens.size(), log2_p);
  CHECK(log2_p[0] == -4.0);
  CHECK(log2_p[2] == 0.0);
  CHECK(log2_p[3] == -4.0);  // after padding the past begins anew
  CHECK(std::isinf(log2_p[4]));
  CHECK(log2_p[5] == -4.0);  // after what is no token as well
}

TEST_CASE("sources that cannot be are refused", "[stats][source]") {
  for (const Source& source :
       {Source{"zipf", 8}, Source{"uniform", 1}, Source{"uniform", std::uint64_t{1} << 32},
        Source{"uniform", 8, 1}, Source{"markov", 8, 0, 2}, Source{"markov", 8, 4, 2},
        Source{"markov", 8, 1, 0}, Source{"markov", 8, 1, 9}, Source{"markov", 4096, 3, 2}}) {
    const auto refused = TokenSource::make(source);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == Error::Kind::usage);
  }
}
