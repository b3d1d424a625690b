#include "comparison/tolerances.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>

#include "catch.h"
#include "stats/random.h"

using namespace pastonly;

namespace {

constexpr std::size_t sampled_tokens = 64, sampled_experts = 8, chosen_each = 2;

/// One layer of logits around 0, spread 2, its two best chosen.
TraceData plain() {
  TraceData data;
  data.layout = {2, sampled_tokens / 2};
  data.log_probs.assign(sampled_tokens, 0.0);
  TraceData::Layer& layer = data.layers.emplace_back();
  layer.mask.reset(sampled_tokens, sampled_experts);
  stats::CounterRng rng(7);
  for (std::size_t t = 0; t < sampled_tokens; ++t) {
    data.log_probs[t] = -4.0 * rng.uniform();
    for (std::size_t e = 0; e < sampled_experts; ++e) {
      layer.logits.push_back(static_cast<float>(2.0 * rng.normal()));
      layer.gates.push_back(e < chosen_each ? 0.5F : 0.0F);
      layer.mask(t, e) = e < chosen_each;
    }
  }
  return data;
}

comparison::Tolerances of(const TraceData& data) { return comparison::tolerances_of(make_trace(data)); }

}  // namespace

TEST_CASE("no extreme value widens a tolerance", "[comparison][tolerances]") {
  const TraceData base = plain();
  const comparison::Tolerances clean = of(base);
  CHECK(clean.layers[0].scores > 1e-5);
  CHECK(clean.layers[0].scores < 1e-4);
  CHECK(clean.layers[0].gates == Approx(0.5e-5));
  CHECK(clean.log_probs == Approx(2e-5).epsilon(0.5));
  for (const double size : {1e2, 1e4, 65504.0, 1e9, 1e30, 3.4028e38}) {
    for (const double outlier : {-size, size}) {
      CAPTURE(outlier);
      const auto value = static_cast<float>(outlier);
      TraceData data = base;
      SECTION("one logit, gate and log-probability" + std::to_string(outlier)) {
        data.layers[0].logits[13] = value;
        data.layers[0].gates[16] = value;
        data.log_probs[5] = -size;
        CHECK(of(data).layers[0].scores == Approx(clean.layers[0].scores).epsilon(0.1));
        CHECK(of(data).layers[0].gates == Approx(clean.layers[0].gates).epsilon(0.1));
        CHECK(of(data).log_probs == Approx(clean.log_probs).epsilon(0.1));
      }
      SECTION("a closed group: half of every token's experts" + std::to_string(outlier)) {
        for (std::size_t t = 0; t < sampled_tokens; ++t) {
          for (std::size_t e = 0; e < sampled_experts / 2; ++e)
            data.layers[0].logits[t * sampled_experts + e] = -std::abs(value);
        }
        CHECK(of(data).layers[0].scores <= clean.layers[0].scores);
      }
      SECTION("garbage in padding" + std::to_string(outlier)) {
        data.valid.assign(sampled_tokens, 1);
        for (std::size_t t = 0; t < sampled_tokens / 2 + 8; ++t) {
          data.valid[t] = 0;
          for (std::size_t e = 0; e < sampled_experts; ++e)
            data.layers[0].logits[t * sampled_experts + e] = value;
        }
        CHECK(of(data).layers[0].scores == Approx(clean.layers[0].scores).epsilon(0.5));
      }
    }
  }
}

TEST_CASE("the type that a model was computed in is taken from what is stated, stored or seen",
          "[comparison][tolerances]") {
  TraceData data = plain();
  const double fine = of(data).layers[0].scores;
  CHECK(comparison::cautious_tolerances_of(make_trace(data)).layers[0].scores == Approx(1000.0 * fine));
  data.compute = DType::f32;
  CHECK(comparison::cautious_tolerances_of(make_trace(data)).layers[0].scores == Approx(fine));
  data.compute = DType::bf16;
  CHECK(of(data).layers[0].scores == Approx(1000.0 * fine));
  data.compute.reset();
  for (float& x : data.layers[0].logits)
    x = std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) & 0xffff0000U);
  CHECK(of(data).layers[0].scores == Approx(1000.0 * fine).epsilon(0.01));
}
