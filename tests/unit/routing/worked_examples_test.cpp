// The small examples of docs/guide.md, "Worked examples", number by number.

#include <vector>

#include "catch.h"
#include "model/gate.h"
#include "stats/bound.h"
#include "unit/routing/made.h"

using namespace pastonly;

namespace {

Routing routed(std::string_view rule, const std::vector<float>& scores, std::size_t tokens) {
  Routing out;
  RoutingContext context;
  context.layout = {1, tokens, TokenOrder::batch_major};
  made(rule)->select({scores.data(), tokens, 2}, context, out);
  return out;
}

struct Chosen {
  std::size_t expert = 0;
  float gate = 0.0F;
};

/// One token of two experts under a selection bias, its gate the raw score.
Chosen chosen(const std::vector<float>& scores, std::string_view bias) {
  const Routing routing = routed("biased-top-k,k=1,bias=" + std::string(bias), scores, 1);
  runtime::Dispatch dispatch;
  dispatch.build(routing.mask);
  REQUIRE(dispatch.routes() == 1);
  model::RouterConfig config;
  config.gate = model::Gate::raw;
  model::Gates<float> gates;
  gates.compute(config, {scores.data(), 1, 2}, routing, dispatch);
  return {dispatch.expert(0), gates.values()[0]};
}

}  // namespace

TEST_CASE("two tokens, two experts, one token each: the first tells of the second", "[worked]") {
  // The first token scores 0.5 and 0.5; the second decides, expert by expert, who takes which token.
  for (const bool a : {false, true}) {
    for (const bool b : {false, true}) {
      const auto mask =
          routed("expert-choice,k=1,chunk=2", {0.5F, 0.5F, a ? 0.6F : 0.4F, b ? 0.6F : 0.4F}, 2).mask;
      CHECK(mask(0, 0) == (a ? 0 : 1));
      CHECK(mask(0, 1) == (b ? 0 : 1));
      CHECK(mask(0, 0) + mask(1, 0) == 1);
      CHECK(mask(0, 1) + mask(1, 1) == 1);
    }
  }
  // Four masks over two tokens: a bit a token. The published floor says nothing at R = 1/2.
  CHECK(stats::tokens_per_expert(2, 1.0, 2) == 1);
  CHECK(stats::expert_choice_capacity(2, 1.0, 2) == Approx(1.0));
  CHECK(stats::expert_choice_floor(2.0, 1.0) == Approx(0.0).margin(1e-12));
}

TEST_CASE("a bias moves the choice and never the gate", "[worked]") {
  const std::vector<float> close{0.85F, 0.80F};
  CHECK(chosen(close, "[0;0]").expert == 0);
  CHECK(chosen(close, "[0;0]").gate == 0.85F);
  // 0.80 against 0.85: the other expert wins, and weighs what the router said of it.
  CHECK(chosen(close, "[-0.05;0.05]").expert == 1);
  CHECK(chosen(close, "[-0.05;0.05]").gate == 0.80F);

  const std::vector<float> apart{0.90F, 0.60F};
  CHECK(chosen(apart, "[-0.05;0.05]").expert == 0);
  CHECK(chosen(apart, "[-0.19;0.10]").expert == 0);
  // 0.70 against 0.70: the least more moves it, and the gate is the raw 0.60.
  CHECK(chosen(apart, "[-0.21;0.10]").expert == 1);
  CHECK(chosen(apart, "[-0.21;0.10]").gate == 0.60F);
  // The same tie in numbers that floats hold: the lower expert keeps the token.
  const std::vector<float> exact{0.875F, 0.625F};
  CHECK(chosen(exact, "[-0.125;0.125]").expert == 0);
  CHECK(chosen(exact, "[-0.125;0.126]").expert == 1);
  CHECK(chosen(exact, "[-0.125;0.126]").gate == 0.625F);
}
