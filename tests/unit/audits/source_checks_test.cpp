#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "stats/token_source.h"
#include "unit/audits/toy_audit.h"

using namespace pastonly;

namespace {

toy::Recipe predicting(double leak, std::uint64_t seed = 1) {
  toy::Recipe recipe = toy_recipe("top-k,k=2", seed);
  recipe.model.log_probs = toy::ModelRecipe::LogProbs{0.3, leak};
  recipe.plan.plan = false;
  return recipe;
}

toy::Recipe decoding(double probability, std::uint64_t seed = 1) {
  toy::Recipe recipe = toy_recipe("top-k,k=2", seed);
  recipe.plan.plan = false;
  recipe.plan.sequences = 16;
  recipe.plan.positions = 128;
  if (probability > 0.0) {
    recipe.model.weak_leak =
        toy::ModelRecipe::WeakLeak{1, probability, toy::ModelRecipe::WeakLeak::Kind::next_token};
  }
  return recipe;
}

/// A subject of one trace made by hand.
class OneTrace final : public Subject {
 public:
  explicit OneTrace(TraceData data) : trace_(make_trace(std::move(data))) {}
  const SubjectInfo& info() const noexcept override { return info_; }
  Capabilities capabilities() const noexcept override { return {}; }
  const std::vector<Intervention>& interventions() const noexcept override { return runs_; }
  const std::vector<Intervention>& missing() const noexcept override { return none_; }
  Expected<Trace> observe(const Intervention&) override { return trace_; }

 private:
  Trace trace_;
  SubjectInfo info_;
  std::vector<Intervention> runs_{Intervention{}}, none_;
};

/// A base and its stream.
class TwoTraces final : public Subject {
 public:
  TwoTraces(TraceData base, TraceData stream)
      : traces_{make_trace(std::move(base)), make_trace(std::move(stream))}, runs_(2) {
    runs_[1].id = 1;
    runs_[1].kind = Intervention::Kind::stream;
    runs_[1].base = 0;
  }
  const SubjectInfo& info() const noexcept override { return info_; }
  Capabilities capabilities() const noexcept override { return {}; }
  const std::vector<Intervention>& interventions() const noexcept override { return runs_; }
  const std::vector<Intervention>& missing() const noexcept override { return none_; }
  Expected<Trace> observe(const Intervention& run) override { return traces_.at(run.id); }

 private:
  std::vector<Trace> traces_;
  SubjectInfo info_;
  std::vector<Intervention> runs_, none_;
};

TraceData by_hand(std::vector<std::int64_t> tokens, std::vector<double> log_probs, std::size_t rows) {
  TraceData data;
  data.layout = {rows, tokens.size() / rows, TokenOrder::batch_major};
  data.tokens = std::move(tokens);
  data.log_probs = std::move(log_probs);
  return data;
}

Outcome source_floor_of(TraceData data, std::uint64_t vocab) {
  OneTrace subject(std::move(data));
  evidence::Observations observations(subject);
  const Policy policy = uniform_policy(vocab);
  return audits::source_floor_check.run({observations, policy, 0});
}

const double not_a_number = std::nan("");

}  // namespace

TEST_CASE("source-floor tells a loss below the entropy from one above", "[audits][source-floor]") {
  const Policy policy = uniform_policy();
  const Ran leaky = ran(run_check(audits::source_floor_check, predicting(0.05), policy));
  CHECK(rejects(find_claim(leaky, "below-entropy"), policy, 0.0));
  CHECK(*measured(leaky, "leak_bits") > 0.0);
  CHECK(*measured(leaky, "loss_bits") < 6.0);
  const Ran clean = ran(run_check(audits::source_floor_check, predicting(0.0), policy));
  CHECK_FALSE(rejects(find_claim(clean, "below-entropy"), policy, 0.0));
}

TEST_CASE("source-floor averages rows and adds along them", "[audits][source-floor]") {
  // Two rows of three tokens over 4,096 words: the first gains a bit a token, the second loses one.
  const double up = std::log(2.0 / 4096.0), down = std::log(0.5 / 4096.0);
  const auto result = ran(source_floor_of(
      by_hand({0, 1, 2, 3, 4, 5}, {not_a_number, up, up, not_a_number, down, down}, 2), 4096));
  CHECK(*measured(result, "loss_bits") == Approx(12.0));
  CHECK(*measured(result, "log2_e_value") == Approx(std::log2((4.0 + 0.25) / 2.0)));
  const double causal = *measured(result, "causal_gain");  // hardly any: no token comes twice
  CHECK(causal < 0.01);
  CHECK(*find_claim(result, "below-entropy")->p_value == Approx(std::exp2(causal) * 2.0 / 4.25));
}

TEST_CASE("source-floor: impossible, missing and invalid predictions", "[audits][source-floor]") {
  const double up = std::log(0.5), never = -std::numeric_limits<double>::infinity();
  // An impossible token ends its row; the other still counts, at half weight.
  const auto impossible = ran(
      source_floor_of(by_hand({0, 1, 2, 3, 0, 1}, {not_a_number, up, up, not_a_number, never, up}, 2), 4));
  CHECK(*measured(impossible, "log2_e_value") == Approx(1.0));
  // One NaN among predictions counts against the model, a column of them does not.
  const auto gap = ran(source_floor_of(
      by_hand({0, 1, 2, 3, 0, 1}, {not_a_number, up, up, not_a_number, not_a_number, up}, 2), 4));
  CHECK(*measured(gap, "log2_e_value") == Approx(1.0));
  const auto column = ran(source_floor_of(
      by_hand({0, 1, 2, 3, 0, 1}, {not_a_number, not_a_number, up, not_a_number, not_a_number, up}, 2), 4));
  CHECK(*measured(column, "log2_e_value") == Approx(1.0));
  CHECK(*measured(column, "loss_bits") == Approx(1.0));
  const auto too_large = source_floor_of(by_hand({0, 1}, {not_a_number, 0.5}, 1), 4);
  REQUIRE(std::holds_alternative<Error>(too_large));
  CHECK(std::get<Error>(too_large).message.find("position 1") != std::string::npos);
  CHECK(std::holds_alternative<Skipped>(source_floor_of(by_hand({0}, {not_a_number}, 1), 4)));
}

TEST_CASE("a source that the tokens do not come from is an error",
          "[audits][source-floor][future-decoding]") {
  toy::Recipe sticky = predicting(0.0);
  sticky.plan.stay = 0.6;
  for (const Check* check : {&audits::source_floor_check, &audits::future_decoding_check}) {
    const Outcome small = run_check(*check, predicting(0.0), uniform_policy(32));
    REQUIRE(std::holds_alternative<Error>(small));
    CHECK(std::get<Error>(small).message.find("uniform:32") != std::string::npos);
    CHECK(std::holds_alternative<Error>(run_check(*check, sticky, uniform_policy())));
    CHECK(std::holds_alternative<Error>(run_check(*check, predicting(0.0), uniform_policy(1U << 20))));
  }
}

TEST_CASE("future-decoding reads a planted channel and nothing else", "[audits][future-decoding]") {
  const Policy policy = uniform_policy();
  const Ran leaky = ran(run_check(audits::future_decoding_check, decoding(0.5), policy));
  CHECK(rejects(find_claim(leaky, "decodable"), policy, 0.0));
  CHECK(*measured(leaky, "decoded_bits") > 0.02);
  const Ran clean = ran(run_check(audits::future_decoding_check, decoding(0.0), policy));
  CHECK_FALSE(rejects(find_claim(clean, "decodable"), policy, 0.0));
  CHECK(*measured(clean, "decoded_bits") < 0.01);
}

TEST_CASE("future-decoding works on one sequence and refuses none", "[audits][future-decoding]") {
  toy::Recipe one = decoding(0.9);
  one.plan.sequences = 1;
  one.plan.positions = 1500;
  const Policy policy = uniform_policy();
  CHECK(rejects(find_claim(ran(run_check(audits::future_decoding_check, one, policy)), "decodable"), policy,
                0.0));
  one.plan.positions = 1;
  CHECK(std::holds_alternative<Skipped>(run_check(audits::future_decoding_check, one, policy)));
}

namespace {

Policy chain_policy() {
  Policy policy;
  policy.source = Source{"markov", 32, 1, 6, 3};
  return policy;
}

/// Tokens of the chain; each goes to the expert that its own or its successor's id names.
TraceData chain_trace(std::uint64_t seed, bool looks_ahead) {
  const auto source = stats::TokenSource::make(*chain_policy().source);
  TraceData data;
  data.layout = {16, 64, TokenOrder::batch_major};
  source->draw(seed, 16, 64, data.tokens);
  TraceData::Layer layer;
  layer.mask.reset(data.layout.tokens(), 16);
  for (std::size_t i = 0; i < data.tokens.size(); ++i) {
    const std::size_t named = looks_ahead && i + 1 < data.tokens.size() ? i + 1 : i;
    layer.mask(i, static_cast<std::size_t>(data.tokens[named] % 16)) = 1;
  }
  data.layers.push_back(std::move(layer));
  return data;
}

}  // namespace

TEST_CASE("on a Markov source the best causal predictor gains nothing", "[audits][source-floor]") {
  const Policy policy = chain_policy();
  const auto source = stats::TokenSource::make(*policy.source);
  const auto floor_of = [&](double lead) {
    TraceData data = chain_trace(1, false);
    data.log_probs.resize(data.tokens.size());
    source->log2_probabilities(data.tokens, {}, 64, data.log_probs);
    for (double& p : data.log_probs) p = std::min(0.0, p + lead) * std::log(2.0);
    OneTrace subject(std::move(data));
    evidence::Observations observations(subject);
    return ran(audits::source_floor_check.run({observations, policy, 0}));
  };
  const Ran exact = floor_of(0.0);
  CHECK(*measured(exact, "leak_bits") == Approx(0.0).margin(1e-12));
  CHECK(*measured(exact, "log2_e_value") == Approx(0.0).margin(1e-9));
  CHECK(*measured(exact, "source_entropy") == Approx(source->entropy_bits()));
  CHECK(*measured(exact, "loss_bits") == Approx(source->entropy_bits()).margin(0.1));
  const Ran ahead = floor_of(0.2);
  CHECK(*measured(ahead, "leak_bits") == Approx(0.2).margin(0.03));
  CHECK(rejects(find_claim(ahead, "below-entropy"), policy, 0.0));
}

TEST_CASE("future-decoding on a Markov source asks for more than the source tells",
          "[audits][future-decoding]") {
  const Policy policy = chain_policy();
  const auto decoded = [&](std::uint64_t seed, bool looks_ahead) {
    OneTrace subject(chain_trace(seed, looks_ahead));
    evidence::Observations observations(subject);
    return ran(audits::future_decoding_check.run({observations, policy, 0}));
  };
  const Ran leaky = decoded(1, true);
  CHECK(rejects(find_claim(leaky, "decodable"), policy, 0.0));
  CHECK(*measured(leaky, "decoded_bits") > 0.1);
  for (std::uint64_t seed = 2; seed < 8; ++seed) {
    const Ran causal = decoded(seed, false);
    CHECK_FALSE(rejects(find_claim(causal, "decodable"), policy, 0.0));
    CHECK(*measured(causal, "decoded_bits") < 0.01);
  }
}

TEST_CASE("tokens of another chain are refused", "[audits][source-floor]") {
  Policy other = chain_policy();
  other.source->seed = 4;
  OneTrace subject(chain_trace(1, false));
  evidence::Observations observations(subject);
  const Outcome refused = audits::future_decoding_check.run({observations, other, 0});
  REQUIRE(std::holds_alternative<Error>(refused));
  CHECK(std::get<Error>(refused).message.find("markov:vocab=32") != std::string::npos);
}

namespace {

constexpr std::size_t misfit_rows = 8, misfit_positions = 128;

/// Rows that are not what uniform:VOCAB says, with a causal model that knows it: token by token what it is
/// drawn from.
struct Misfit {
  std::vector<std::int64_t> tokens;
  std::vector<double> log_probs;
};

/// With probability `share` a token is what a table says of the two before it.
Misfit second_order(std::uint64_t seed, std::uint64_t vocab, double share) {
  stats::CounterRng table(99), rng(seed);
  std::vector<std::int64_t> follows(vocab * vocab);
  for (auto& word : follows) word = static_cast<std::int64_t>(table.below(vocab));
  Misfit out;
  const auto words = static_cast<double>(vocab);
  for (std::size_t row = 0; row < misfit_rows; ++row) {
    for (std::size_t s = 0; s < misfit_positions; ++s) {
      const std::size_t i = out.tokens.size();
      auto token = static_cast<std::int64_t>(rng.below(vocab));
      double p = 1.0 / words;
      if (s >= 2) {
        const auto next = follows[static_cast<std::size_t>(out.tokens[i - 1]) * vocab +
                                  static_cast<std::size_t>(out.tokens[i - 2])];
        if (rng.uniform() < share) token = next;
        p = (1.0 - share) / words + (token == next ? share : 0.0);
      }
      out.tokens.push_back(token);
      out.log_probs.push_back(s == 0 ? not_a_number : std::log(p));
    }
  }
  return out;
}

/// No token comes twice within as many positions as there are words.
Misfit without_replacement(std::uint64_t seed, std::uint64_t vocab) {
  stats::CounterRng rng(seed);
  Misfit out;
  std::vector<std::int64_t> left;
  for (std::size_t i = 0; i < misfit_rows * misfit_positions; ++i) {
    if (left.empty() || i % misfit_positions == 0) {
      left.resize(vocab);
      std::iota(left.begin(), left.end(), 0);
    }
    std::swap(left.back(), left[rng.below(left.size())]);
    out.tokens.push_back(left.back());
    out.log_probs.push_back(i % misfit_positions == 0 ? not_a_number
                                                      : -std::log(static_cast<double>(left.size())));
    left.pop_back();
  }
  return out;
}

/// The model was trained on the first rows, and says of the others what the source says, a little worse.
Misfit trained_on(std::uint64_t seed, std::uint64_t vocab, std::size_t rows) {
  Misfit out = second_order(seed, vocab, 0.0);
  for (std::size_t i = 0; i < out.tokens.size(); ++i) {
    if (i % misfit_positions == 0) continue;
    out.log_probs[i] = i / misfit_positions < rows ? std::log(0.9) : out.log_probs[i] - 0.01;
  }
  return out;
}

}  // namespace

TEST_CASE("what a causal model gains on tokens of another source accuses nobody",
          "[audits][source-floor][misfit]") {
  const auto judged = [](const Misfit& made, std::uint64_t vocab, std::string_view says) {
    const Ran result = ran(source_floor_of(by_hand(made.tokens, made.log_probs, misfit_rows), vocab));
    CHECK(*measured(result, "log2_e_value") > 4.4);
    CHECK_FALSE(rejects(find_claim(result, "below-entropy"), uniform_policy(vocab), 0.0));
    REQUIRE(find_claim(result, "unlike-source"));
    CHECK(find_claim(result, "unlike-source")->message.find(says) != std::string::npos);
  };
  judged(second_order(3, 16, 0.2), 16, "what followed the last two tokens gains");
  judged(trained_on(1, 64, 3), 64, "on 3 of 8 rows only");
}

namespace {

/// The base with a stream in which every eighth token is predicted as `prefixes` says.
Ran with_stream(const Misfit& made, const std::vector<double>& prefixes, std::uint64_t vocab) {
  TraceData base = by_hand(made.tokens, made.log_probs, misfit_rows),
            stream = by_hand(made.tokens, prefixes, misfit_rows);
  stream.valid.assign(made.tokens.size(), 0);
  for (std::size_t i = 0; i < made.tokens.size(); ++i) {
    stream.valid[i] = i % 8 == 6 ? 1 : 0;
    if (i % 8 != 7) stream.log_probs[i] = not_a_number;
  }
  TwoTraces subject(std::move(base), std::move(stream));
  evidence::Observations observations(subject);
  const Policy policy = uniform_policy(vocab);
  return ran(audits::source_floor_check.run({observations, policy, 0}));
}

}  // namespace

TEST_CASE("a plan's own prefixes tell a memory from a leak", "[audits][source-floor][misfit]") {
  // All rows were trained on: the base alone accuses, and so do prefixes unless the model knows them too.
  const Misfit known = trained_on(1, 64, misfit_rows), fresh = trained_on(1, 64, 0);
  const Ran leak = with_stream(known, fresh.log_probs, 64), memory = with_stream(known, known.log_probs, 64);
  CHECK(rejects(find_claim(leak, "below-entropy"), uniform_policy(64), 0.0));
  CHECK(find_claim(leak, "unlike-source") == nullptr);
  CHECK_FALSE(rejects(find_claim(memory, "below-entropy"), uniform_policy(64), 0.0));
  CHECK(find_claim(memory, "unlike-source") != nullptr);
}

TEST_CASE("a causal model is not accused of tokens that are not what the source says",
          "[.rates][source-floor][misfit]") {
  const auto rate = [](const char* what, std::uint64_t vocab, const auto& make) {
    std::size_t accused = 0, refused = 0, noted = 0;
    const Policy policy = uniform_policy(vocab);
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
      Misfit made = make(seed);
      const Outcome outcome = source_floor_of(by_hand(made.tokens, made.log_probs, misfit_rows), vocab);
      if (std::holds_alternative<Error>(outcome)) {
        if (++refused == 1) fmt::print("{}\n", std::get<Error>(outcome).message);
        continue;
      }
      const Ran& result = std::get<Ran>(outcome);
      accused += rejects(find_claim(result, "below-entropy"), policy, 0.0) ? 1 : 0;
      noted += find_claim(result, "unlike-source") != nullptr ? 1 : 0;
    }
    fmt::print("{:<44} {:>2} accused, {:>2} noted, {:>2} refused of 30\n", what, accused, noted, refused);
    return accused;
  };
  for (const std::uint64_t vocab : {8, 16, 64}) {
    for (const double share : {0.1, 0.2, 0.4}) {
      rate(fmt::format("second order, {} words, share {}", vocab, share).c_str(), vocab,
           [&](std::uint64_t seed) { return second_order(seed, vocab, share); });
    }
    CHECK(rate(fmt::format("without replacement, {} words", vocab).c_str(), vocab,
               [&](std::uint64_t seed) { return without_replacement(seed, vocab); }) == 0);
    for (const double share : {0.0, 0.1, 0.2}) {
      std::size_t accused = 0;
      for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        const Misfit made =
            share == 0.0 ? trained_on(seed, vocab, misfit_rows) : second_order(seed, vocab, share);
        const Outcome fits = source_floor_of(by_hand(made.tokens, made.log_probs, misfit_rows), vocab);
        if (std::holds_alternative<Error>(fits)) continue;
        accused += rejects(find_claim(with_stream(made, made.log_probs, vocab), "below-entropy"),
                           uniform_policy(vocab), 0.0)
                       ? 1
                       : 0;
      }
      fmt::print("streamed too, {} words, share {} (0: memorised): {} accused of 30\n", vocab, share,
                 accused);
    }
    for (const std::size_t rows : {1, 3, 4, 8}) {
      rate(fmt::format("{} of 8 rows memorised, {} words", rows, vocab).c_str(), vocab,
           [&](std::uint64_t seed) { return trained_on(seed, vocab, rows); });
    }
  }
}
