#include "integrity/response.h"

#include "catch.h"
#include "stats/random.h"

using namespace pastonly;

namespace {

constexpr std::size_t response_rows = 2, response_positions = 32, response_experts = 4;

/// Two layers whose scores and masks are functions of the token and the layer.
TraceData following(std::uint64_t seed, bool scored = true) {
  TraceData data;
  data.layout = {response_rows, response_positions};
  stats::CounterRng draw(seed);
  for (std::size_t t = 0; t < response_rows * response_positions; ++t)
    data.tokens.push_back(static_cast<std::int64_t>(draw.below(1000)));
  for (std::uint32_t l = 0; l < 2; ++l) {
    TraceData::Layer& layer = data.layers.emplace_back();
    layer.index = LayerIndex{l};
    layer.mask.reset(response_rows * response_positions, response_experts);
    for (std::size_t t = 0; t < response_rows * response_positions; ++t) {
      stats::CounterRng rng(static_cast<std::uint64_t>(data.tokens[t]), l);
      for (std::size_t e = 0; scored && e < response_experts; ++e)
        layer.scores.push_back(static_cast<float>(rng.uniform()));
      layer.mask(t, rng.below(response_experts)) = 1;
    }
  }
  return data;
}

std::string answer(const TraceData& output, const TraceData& base) {
  return integrity::ignores_tokens(make_trace(output), make_trace(base));
}

}  // namespace

TEST_CASE("a run that follows its tokens is told from one that does not", "[integrity]") {
  const TraceData base = following(1);
  TraceData run = following(2);
  CHECK(answer(run, base).empty());
  CHECK(answer(base, base).empty());  // no token differs: nothing to say
  SECTION("the base recorded again") {
    run.layers = base.layers;
    CHECK(answer(run, base).find("at every layer nothing") != std::string::npos);
  }
  SECTION("one layer of it") {
    run.layers[1] = base.layers[1];
    CHECK(answer(run, base).find("at layers 1 nothing") != std::string::npos);
  }
  SECTION("after the cut alone") {
    for (std::size_t t = 0; t < response_rows * response_positions - 8; ++t) run.tokens[t] = base.tokens[t];
    run.layers = base.layers;
    CHECK_FALSE(answer(run, base).empty());
    for (std::size_t t = 0; t < response_rows * response_positions - 3; ++t) run.tokens[t] = base.tokens[t];
    CHECK(answer(run, base).empty());  // three tokens are too few
  }
  SECTION("constants everywhere") {
    TraceData flat = base;
    for (auto& layer : flat.layers) {
      layer.scores.assign(layer.scores.size(), 0.5F);
      layer.mask.reset(response_rows * response_positions, response_experts);
    }
    run.layers = flat.layers;
    CHECK_FALSE(answer(run, flat).empty());
    // A layer of zeros is a placeholder as long as another one follows.
    TraceData part = base, changed = following(2);
    part.layers[0] = changed.layers[0] = flat.layers[0];
    CHECK(answer(changed, part).empty());
  }
  SECTION("changed padding asks for nothing") {
    run.layers = base.layers;
    run.valid.assign(response_rows * response_positions, 0);
    CHECK(answer(run, base).empty());
  }
}

TEST_CASE("masks alone need more tokens to tell", "[integrity]") {
  const TraceData base = following(1, false);
  TraceData run = following(2, false);
  run.layers = base.layers;
  CHECK_FALSE(answer(run, base).empty());
  for (std::size_t t = 0; t < response_rows * response_positions - 20; ++t) run.tokens[t] = base.tokens[t];
  CHECK(answer(run, base).empty());
}
