#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "pastonly/routing_rule.h"
#include "stats/random.h"
#include "unit/audits/hand_made.h"
#include "unit/audits/toy_audit.h"

using namespace pastonly;

namespace {

constexpr std::size_t rows = 8, positions = 128, models = 30;

/// Rows that are not what uniform:VOCAB says, with a causal model that knows it: token by token what it is
/// drawn from.
struct Misfit {
  std::vector<std::int64_t> tokens;
  std::vector<double> log_probs;
};

/// With probability `share` a token is what a table says of the `order` tokens before it.
Misfit of_order(std::size_t order, std::uint64_t seed, std::uint64_t vocab, double share) {
  stats::CounterRng rng(seed);
  Misfit out;
  const auto words = static_cast<double>(vocab);
  for (std::size_t i = 0; i < rows * positions; ++i) {
    auto token = static_cast<std::int64_t>(rng.below(vocab));
    double p = 1.0 / words;
    if (i % positions >= order) {
      std::uint64_t context = 0;
      for (std::size_t k = 1; k <= order; ++k)
        context = context * vocab + static_cast<std::uint64_t>(out.tokens[i - k]);
      const auto next = static_cast<std::int64_t>(stats::CounterRng(99, context).below(vocab));
      if (rng.uniform() < share) token = next;
      p = (1.0 - share) / words + (token == next ? share : 0.0);
    }
    out.tokens.push_back(token);
    out.log_probs.push_back(i % positions == 0 ? not_a_number : std::log(p));
  }
  return out;
}

/// No token comes twice within as many positions as there are words.
Misfit without_replacement(std::uint64_t seed, std::uint64_t vocab) {
  stats::CounterRng rng(seed);
  Misfit out;
  std::vector<std::int64_t> left;
  for (std::size_t i = 0; i < rows * positions; ++i) {
    if (left.empty() || i % positions == 0) {
      left.resize(vocab);
      std::iota(left.begin(), left.end(), 0);
    }
    std::swap(left.back(), left[rng.below(left.size())]);
    out.tokens.push_back(left.back());
    out.log_probs.push_back(i % positions == 0 ? not_a_number : -std::log(static_cast<double>(left.size())));
    left.pop_back();
  }
  return out;
}

/// The model was trained on the first rows, and says of the others what the source says, a little worse.
Misfit trained_on(std::size_t known, std::uint64_t seed, std::uint64_t vocab) {
  Misfit out = of_order(0, seed, vocab, 0.0);
  for (std::size_t i = 0; i < out.tokens.size(); ++i) {
    if (i % positions != 0)
      out.log_probs[i] = i / positions < known ? std::log(0.9) : out.log_probs[i] - 0.01;
  }
  return out;
}

/// `mass` of the probability on the token that comes.
Misfit leaking(double mass, std::uint64_t seed, std::uint64_t vocab) {
  Misfit out = of_order(0, seed, vocab, 0.0);
  for (double& p : out.log_probs) p = std::log((1.0 - mass) * std::exp(p) + mass);
  return out;
}

/// The base with a stream in which every eighth token is predicted as `prefixes` says.
HandMade streamed(const Misfit& made, const std::vector<double>& prefixes,
                  const std::optional<TraceData::Layer>& layer = {}) {
  TraceData base = by_hand(made.tokens, made.log_probs, rows), stream = by_hand(made.tokens, prefixes, rows);
  stream.valid.assign(made.tokens.size(), 0);
  for (std::size_t i = 0; i < made.tokens.size(); ++i) {
    stream.valid[i] = i % 8 == 6 ? 1 : 0;
    if (i % 8 != 7) stream.log_probs[i] = not_a_number;
  }
  if (layer) {
    base.layers.push_back(*layer);
    stream.layers.push_back(*layer);
  }
  return {std::move(base), std::move(stream)};
}

Ran floor_of(HandMade subject, std::uint64_t vocab) { return ran(source_floor_of(subject, vocab)); }

bool accuses(const Ran& result) {
  return rejects(find_claim(result, "below-entropy"), uniform_policy(), 0.0);
}
bool suspects(const Ran& result) {
  return rejects(find_claim(result, "unproven-gain"), uniform_policy(), 0.0);
}

/// Random scores, and what a rule makes of them.
TraceData::Layer routed_by(std::string_view rule) {
  const auto spec = parse_rule(rule);
  const auto made = make_rule(spec->id, spec->parameters);
  stats::CounterRng rng(5);
  TraceData::Layer out;
  out.scores.resize(rows * positions * 8);
  for (float& score : out.scores) score = static_cast<float>(rng.uniform());
  RoutingContext context;
  context.layout = {rows, positions, TokenOrder::batch_major};
  Routing routing;
  (*made)->select({out.scores.data(), rows * positions, 8}, context, routing);
  out.mask = std::move(routing.mask);
  return out;
}

}  // namespace

TEST_CASE("what a causal model gains on tokens of another source accuses nobody",
          "[audits][source-floor][misfit]") {
  const auto result_of = [](const Misfit& made, std::uint64_t vocab) {
    Ran result = ran(source_floor_of(by_hand(made.tokens, made.log_probs, rows), vocab));
    CHECK(*measured(result, "log2_e_value") > 4.4);
    CHECK(find_claim(result, "below-entropy") == nullptr);
    return result;
  };
  const Ran seen = result_of(of_order(2, 3, 16, 0.2), 16);
  CHECK_FALSE(suspects(seen));
  REQUIRE(find_claim(seen, "unlike-source"));
  CHECK(find_claim(seen, "unlike-source")->message.find("what followed the last two tokens gains") !=
        std::string::npos);
  // No test of these tokens tells them from the source, nor known rows from a leak.
  CHECK(suspects(result_of(of_order(2, 1, 64, 0.1), 64)));
  CHECK(suspects(result_of(trained_on(3, 1, 64), 64)));
}

TEST_CASE("tokens that the subject drew itself prove what others let suspect", "[audits][source-floor]") {
  const Misfit leak = leaking(0.01, 1, 64);
  HandMade subject(by_hand(leak.tokens, leak.log_probs, rows));
  CHECK(suspects(ran(source_floor_of(subject, 64))));
  subject.drawn_from(Source{"uniform", 32});  // another than the one named
  CHECK(suspects(ran(source_floor_of(subject, 64))));
  subject.drawn_from(Source{"uniform", 64});
  const Ran drawn = ran(source_floor_of(subject, 64));
  CHECK(accuses(drawn));
  CHECK(find_claim(drawn, "unproven-gain") == nullptr);
}

TEST_CASE("a plan's own prefixes tell a memory from a leak", "[audits][source-floor][misfit]") {
  // All rows were trained on: the base alone is suspect, and so are prefixes unless the model knows them too.
  const Misfit known = trained_on(rows, 1, 64), fresh = trained_on(0, 1, 64);
  const Ran leak = floor_of(streamed(known, fresh.log_probs), 64),
            memory = floor_of(streamed(known, known.log_probs), 64);
  CHECK(accuses(leak));
  CHECK(find_claim(leak, "unlike-source") == nullptr);
  CHECK_FALSE(accuses(memory));
  CHECK_FALSE(suspects(memory));
  CHECK(find_claim(memory, "unlike-source") != nullptr);
}

TEST_CASE("prefixes that miss other rows as well prove nothing", "[audits][source-floor][misfit]") {
  const Misfit known = trained_on(rows, 1, 64), fresh = trained_on(0, 1, 64);
  const auto with = [&](std::string_view rule) {
    return floor_of(streamed(known, fresh.log_probs, routed_by(rule)), 64);
  };
  CHECK(accuses(with("top-k,k=2")));
  const Ran company = with("token-major-capacity,k=2,capacity=240");
  CHECK_FALSE(accuses(company));
  CHECK(suspects(company));
}

TEST_CASE("prefixes that differ by noise prove nothing", "[audits][source-floor][misfit]") {
  const Misfit known = trained_on(rows, 1, 64);
  std::size_t accused = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    stats::CounterRng rng(seed);
    std::vector<double> noisy = known.log_probs;
    for (double& p : noisy) p += 2.0 * (rng.uniform() - 0.5);
    accused += accuses(floor_of(streamed(known, noisy), 64)) ? 1 : 0;
  }
  CHECK(accused <= 11);  // 5 are expected at most; more than 11 happen once in 300
}

TEST_CASE("a causal model is not accused of tokens that are not what the source says",
          "[.rates][source-floor][misfit]") {
  const auto rate = [](const std::string& what, std::uint64_t vocab, const auto& make, const auto& prefixes) {
    std::size_t accused = 0, suspected = 0, noted = 0, refused = 0, streams = 0;
    for (std::uint64_t seed = 1; seed <= models; ++seed) {
      const Misfit made = make(seed);
      const Outcome outcome = source_floor_of(by_hand(made.tokens, made.log_probs, rows), vocab);
      if (std::holds_alternative<Error>(outcome)) {
        ++refused;
        continue;
      }
      const Ran& result = std::get<Ran>(outcome);
      accused += accuses(result) ? 1 : 0;
      suspected += suspects(result) ? 1 : 0;
      noted += find_claim(result, "unlike-source") != nullptr ? 1 : 0;
      streams += accuses(floor_of(streamed(made, prefixes(made, seed)), vocab)) ? 1 : 0;
    }
    fmt::print("| {} | {} | {} | {} | {} | {} | {} |\n", what, vocab, accused, suspected, noted, refused,
               streams);
    return accused + streams;
  };
  const auto same = [](const Misfit& made, std::uint64_t) { return made.log_probs; };
  fmt::print("| of {} models | words | accused | suspected | noted | refused | accused by `stream` |\n",
             models);
  fmt::print("|---|---|---|---|---|---|---|\n");
  for (const std::uint64_t vocab : {8, 16, 64}) {
    for (const std::size_t order : {0, 1, 2, 3}) {
      for (const double share : {0.01, 0.03, 0.1, 0.3}) {
        CHECK(rate(
                  fmt::format("order {}, {:.0f}%", order, 100.0 * share), vocab,
                  [&](std::uint64_t seed) { return of_order(order, seed, vocab, share); }, same) == 0);
      }
    }
    CHECK(rate(
              "without replacement", vocab,
              [&](std::uint64_t seed) { return without_replacement(seed, vocab); }, same) == 0);
    for (const std::size_t known : {0, 1, 4, 8}) {
      CHECK(rate(
                fmt::format("{} of 8 rows known", known), vocab,
                [&](std::uint64_t seed) { return trained_on(known, seed, vocab); }, same) == 0);
    }
  }
  for (const double mass : {0.00025, 0.0005, 0.001, 0.01}) {
    rate(
        fmt::format("a leak: {}% on what comes", 100.0 * mass), 64,
        [&](std::uint64_t seed) { return leaking(mass, seed, 64); },
        [](const Misfit&, std::uint64_t seed) { return leaking(0.0, seed, 64).log_probs; });
  }
}
