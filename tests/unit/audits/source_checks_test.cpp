#include <cmath>
#include <limits>

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

TraceData by_hand(std::vector<std::int64_t> tokens, std::vector<double> log_probs, std::size_t rows) {
  TraceData data;
  data.layout = {rows, tokens.size() / rows, TokenOrder::batch_major};
  data.tokens = std::move(tokens);
  data.log_probs = std::move(log_probs);
  return data;
}

Outcome source_floor_of(TraceData data, std::uint64_t vocab) {
  OneTrace subject(std::move(data));
  Evidence evidence(subject);
  const Policy policy = uniform_policy(vocab);
  return source_floor_check.run({evidence, policy, 0});
}

const double kNan = std::nan("");

}  // namespace

TEST_CASE("source-floor tells a loss below the entropy from one above", "[audits][source-floor]") {
  const Policy policy = uniform_policy();
  const Ran leaky = ran(run_check(source_floor_check, predicting(0.05), policy));
  CHECK(rejects(find_claim(leaky, "below-entropy"), policy, 0.0));
  CHECK(*measured(leaky, "leak_bits") > 0.0);
  CHECK(*measured(leaky, "loss_bits") < 6.0);
  const Ran clean = ran(run_check(source_floor_check, predicting(0.0), policy));
  CHECK_FALSE(rejects(find_claim(clean, "below-entropy"), policy, 0.0));
}

TEST_CASE("source-floor averages rows and adds along them", "[audits][source-floor]") {
  // Two rows of three tokens over four words: the first gains a bit a token, the second loses one.
  const double up = std::log(0.5), down = std::log(0.125);
  const auto result =
      ran(source_floor_of(by_hand({0, 1, 2, 3, 0, 1}, {kNan, up, up, kNan, down, down}, 2), 4));
  CHECK(*measured(result, "loss_bits") == Approx(2.0));
  CHECK(*measured(result, "log2_e_value") == Approx(std::log2((4.0 + 0.25) / 2.0)));
  CHECK(*find_claim(result, "below-entropy")->p_value == Approx(2.0 / 4.25));
}

TEST_CASE("source-floor: impossible, missing and invalid predictions", "[audits][source-floor]") {
  const double up = std::log(0.5), never = -std::numeric_limits<double>::infinity();
  // An impossible token ends its row; the other still counts, at half weight.
  const auto impossible =
      ran(source_floor_of(by_hand({0, 1, 2, 3, 0, 1}, {kNan, up, up, kNan, never, up}, 2), 4));
  CHECK(*measured(impossible, "log2_e_value") == Approx(1.0));
  // One NaN among predictions counts against the model, a column of them does not.
  const auto gap = ran(source_floor_of(by_hand({0, 1, 2, 3, 0, 1}, {kNan, up, up, kNan, kNan, up}, 2), 4));
  CHECK(*measured(gap, "log2_e_value") == Approx(1.0));
  const auto column =
      ran(source_floor_of(by_hand({0, 1, 2, 3, 0, 1}, {kNan, kNan, up, kNan, kNan, up}, 2), 4));
  CHECK(*measured(column, "log2_e_value") == Approx(1.0));
  CHECK(*measured(column, "loss_bits") == Approx(1.0));
  const auto too_large = source_floor_of(by_hand({0, 1}, {kNan, 0.5}, 1), 4);
  REQUIRE(std::holds_alternative<Error>(too_large));
  CHECK(std::get<Error>(too_large).message.find("position 1") != std::string::npos);
  CHECK(std::holds_alternative<Skipped>(source_floor_of(by_hand({0}, {kNan}, 1), 4)));
}

TEST_CASE("a source that the tokens do not come from is an error",
          "[audits][source-floor][future-decoding]") {
  toy::Recipe sticky = predicting(0.0);
  sticky.plan.stay = 0.6;
  for (const Check* check : {&source_floor_check, &future_decoding_check}) {
    const Outcome small = run_check(*check, predicting(0.0), uniform_policy(32));
    REQUIRE(std::holds_alternative<Error>(small));
    CHECK(std::get<Error>(small).message.find("uniform:32") != std::string::npos);
    CHECK(std::holds_alternative<Error>(run_check(*check, sticky, uniform_policy())));
    CHECK(std::holds_alternative<Error>(run_check(*check, predicting(0.0), uniform_policy(1U << 20))));
  }
}

TEST_CASE("future-decoding reads a planted channel and nothing else", "[audits][future-decoding]") {
  const Policy policy = uniform_policy();
  const Ran leaky = ran(run_check(future_decoding_check, decoding(0.5), policy));
  CHECK(rejects(find_claim(leaky, "decodable"), policy, 0.0));
  CHECK(*measured(leaky, "decoded_bits") > 0.02);
  const Ran clean = ran(run_check(future_decoding_check, decoding(0.0), policy));
  CHECK_FALSE(rejects(find_claim(clean, "decodable"), policy, 0.0));
  CHECK(*measured(clean, "decoded_bits") < 0.01);
}

TEST_CASE("future-decoding works on one sequence and refuses none", "[audits][future-decoding]") {
  toy::Recipe one = decoding(0.9);
  one.plan.sequences = 1;
  one.plan.positions = 1500;
  const Policy policy = uniform_policy();
  CHECK(rejects(find_claim(ran(run_check(future_decoding_check, one, policy)), "decodable"), policy, 0.0));
  one.plan.positions = 1;
  CHECK(std::holds_alternative<Skipped>(run_check(future_decoding_check, one, policy)));
}
