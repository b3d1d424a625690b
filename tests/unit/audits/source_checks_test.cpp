#include <cmath>
#include <limits>

#include "stats/token_source.h"
#include "unit/audits/hand_made.h"
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

}  // namespace

TEST_CASE("source-floor tells a loss below the entropy from one above", "[audits][source-floor]") {
  const Policy policy = uniform_policy();
  const Ran leaky = ran(run_check(audits::source_floor_check, predicting(0.05), policy));
  CHECK(rejects(find_claim(leaky, "unproven-gain"), policy, 0.0));
  CHECK(*measured(leaky, "leak_bits") > 0.0);
  CHECK(*measured(leaky, "loss_bits") < 6.0);
  const Ran clean = ran(run_check(audits::source_floor_check, predicting(0.0), policy));
  CHECK_FALSE(rejects(find_claim(clean, "unproven-gain"), policy, 0.0));
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
  CHECK(*find_claim(result, "unproven-gain")->p_value == Approx(std::exp2(causal) * 2.0 / 4.25));
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
  CHECK(rejects(find_claim(leaky, "unproven-gain"), policy, 0.0));
  CHECK(*measured(leaky, "decoded_bits") > 0.02);
  const Ran clean = ran(run_check(audits::future_decoding_check, decoding(0.0), policy));
  CHECK_FALSE(rejects(find_claim(clean, "unproven-gain"), policy, 0.0));
  CHECK(*measured(clean, "decoded_bits") < 0.01);
}

TEST_CASE("future-decoding works on one sequence and refuses none", "[audits][future-decoding]") {
  toy::Recipe one = decoding(0.9);
  one.plan.sequences = 1;
  one.plan.positions = 1500;
  const Policy policy = uniform_policy();
  CHECK(rejects(find_claim(ran(run_check(audits::future_decoding_check, one, policy)), "unproven-gain"),
                policy, 0.0));
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
    HandMade subject(std::move(data));
    subject.drawn_from(policy.source);
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
    HandMade subject(chain_trace(seed, looks_ahead));
    subject.drawn_from(policy.source);
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
  HandMade subject(chain_trace(1, false));
  evidence::Observations observations(subject);
  const Outcome refused = audits::future_decoding_check.run({observations, other, 0});
  REQUIRE(std::holds_alternative<Error>(refused));
  CHECK(std::get<Error>(refused).message.find("markov:vocab=32") != std::string::npos);
}
