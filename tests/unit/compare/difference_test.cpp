#include "compare/difference.h"

#include "catch.h"
#include "stats/random.h"

using namespace pastonly;

namespace {

constexpr std::size_t kRows = 2, kRowLength = 6, kExpertsEach = 4;

TraceData blank() {
  TraceData data;
  data.layout = {kRows, kRowLength};
  data.tokens.assign(kRows * kRowLength, 0);
  for (std::uint32_t l = 0; l < 2; ++l) {
    TraceData::Layer& layer = data.layers.emplace_back();
    layer.index = LayerIndex{l};
    layer.mask.reset(kRows * kRowLength, kExpertsEach);
    layer.scores.resize(kRows * kRowLength * kExpertsEach);
    stats::CounterRng rng(l, 5);
    for (std::size_t t = 0; t < kRows * kRowLength; ++t) {
      for (std::size_t e = 0; e < kExpertsEach; ++e)
        layer.scores[t * kExpertsEach + e] = static_cast<float>(rng.uniform());
      layer.mask(t, t % kExpertsEach) = 1;
    }
  }
  return data;
}

const std::vector<Region> kAll{{0, 0, kRowLength}, {1, 1, kRowLength}};
const Tolerances kTolerances{{{1e-5, 1e-5}, {1e-5, 1e-5}}, 1e-5};

Difference diff(const TraceData& a, const TraceData& b, const std::vector<Region>& regions = kAll) {
  const auto out = compare(make_trace(a), make_trace(b), regions, kTolerances);
  REQUIRE(out);
  return *out;
}

void exchange(TraceData& data, std::size_t layer, std::size_t token, std::size_t from, std::size_t to) {
  data.layers[layer].mask(token, from) = 0;
  data.layers[layer].mask(token, to) = 1;
}

}  // namespace

TEST_CASE("flips are counted as by hand, on the regions and nowhere else", "[comparison]") {
  stats::CounterRng rng(3);
  for (int round = 0; round < 50; ++round) {
    const TraceData a = blank();
    TraceData b = a;
    for (auto& layer : b.layers) {
      for (std::size_t t = 0; t < kRows * kRowLength; ++t) {
        for (std::size_t e = 0; e < kExpertsEach; ++e) layer.mask(t, e) = rng.below(3) == 0;
      }
    }
    const std::vector<Region> regions{{0, 1, rng.below(kRowLength + 1)}, {1, 0, rng.below(kRowLength + 1)}};
    const Difference found = diff(a, b, regions);
    for (std::size_t l = 0; l < 2; ++l) {
      std::size_t flips = 0, decisions = 0, routes = 0, moved = 0;
      for (const Region& region : regions) {
        for (std::size_t s = 0; s < region.positions; ++s) {
          const std::size_t from = region.base_row * kRowLength + s, to = region.run_row * kRowLength + s;
          bool differs = false;
          for (std::size_t e = 0; e < kExpertsEach; ++e) {
            ++decisions;
            routes += a.layers[l].mask(from, e);
            flips += a.layers[l].mask(from, e) != b.layers[l].mask(to, e);
            differs |= std::abs(a.layers[l].scores[from * kExpertsEach + e] -
                                b.layers[l].scores[to * kExpertsEach + e]) > 1e-5F;
          }
          moved += differs;
        }
      }
      CHECK(found.layers[l].flips == flips);
      CHECK(found.layers[l].decisions == decisions);
      CHECK(found.layers[l].routes == routes);
      CHECK(found.layers[l].scores_moved == moved);
      CHECK(found.layers[l].rounding_flips == 0);
    }
  }
}

TEST_CASE("a flip at unchanged scores counts, whatever the margin", "[comparison]") {
  TraceData a = blank(), b;
  a.layers[0].scores[4] = a.layers[0].scores[5];  // token 1: a tie of experts 0 and 1
  b = a;
  exchange(b, 0, 1, 1, 0);
  const Difference found = diff(a, b);
  CHECK(found.layers[0].flips == 2);
  CHECK(found.layers[0].own_changes == 1);
  CHECK(found.layers[0].first_flips.at(0).scores_equal);
}

TEST_CASE("an exchange at a near tie with moved scores is rounding", "[comparison]") {
  TraceData a = blank(), b;
  a.layers[0].scores[4] = 0.5F;
  a.layers[0].scores[5] = 0.5000001F;
  b = a;
  b.layers[0].scores[4] = 0.5000002F;
  exchange(b, 0, 1, 1, 0);
  SECTION("alone") {
    const Difference found = diff(a, b);
    CHECK(found.layers[0].flips == 0);
    CHECK(found.layers[0].rounding_flips == 2);
    CHECK(found.layers[0].scores_rounded == 1);
    CHECK_FALSE(found.changed());
  }
  SECTION("what it may have caused is left out: its row after it, its experts in the layer") {
    exchange(b, 1, 3, 3, 0);
    b.layers[0].mask(5, 1) = 0;
    const Difference found = diff(a, b);
    CHECK_FALSE(found.changed());
    CHECK(found.layers[0].rounding_flips == 3);
    CHECK(found.layers[1].tokens == kRowLength + 1);
  }
  SECTION("other experts, other rows and earlier tokens still count") {
    exchange(b, 1, 0, 0, 2);
    exchange(b, 1, 8, 0, 2);
    const Difference found = diff(a, b);
    CHECK(found.layers[1].flips == 4);
  }
}

TEST_CASE("an exchange far from a tie counts although scores moved in the last bits", "[comparison]") {
  TraceData a = blank();
  // Every token takes its best expert, so there is no bias that could move the boundary.
  for (auto& layer : a.layers) {
    for (std::size_t t = 0; t < kRows * kRowLength; ++t) {
      std::size_t best = 0;
      for (std::size_t e = 0; e < kExpertsEach; ++e) {
        layer.mask(t, e) = 0;
        if (layer.scores[t * kExpertsEach + e] > layer.scores[t * kExpertsEach + best]) best = e;
      }
      layer.mask(t, best) = 1;
    }
  }
  TraceData b = a;
  for (float& x : b.layers[0].scores) x *= 1.0F + 1e-6F;
  std::size_t best = 0;
  while (!a.layers[0].mask(0, best)) ++best;
  exchange(b, 0, 0, best, (best + 1) % kExpertsEach);
  const Difference found = diff(a, b);
  CHECK(found.layers[0].flips == 2);
  CHECK(found.layers[0].scores_rounded > 0);
  CHECK(found.layers[0].scores_moved == 0);
}

TEST_CASE("a recorded bias moves the boundary", "[comparison]") {
  TraceData a = blank(), b;
  a.layers[0].scores[4] = 0.25F;
  a.layers[0].scores[5] = 0.5F;
  a.layers[0].bias = {0.25F, 0.0F, 0.0F, 0.0F};
  b = a;
  b.layers[0].scores[4] = 0.2500003F;
  exchange(b, 0, 1, 1, 0);
  CHECK(diff(a, b).layers[0].rounding_flips == 2);
  a.layers[0].bias = b.layers[0].bias = {0.1F, 0.0F, 0.0F, 0.0F};
  CHECK(diff(a, b).layers[0].flips == 2);
}

TEST_CASE("NaN equals NaN and nothing else", "[comparison]") {
  TraceData a = blank(), b;
  a.layers[0].scores[0] = NAN;
  b = a;
  CHECK_FALSE(diff(a, b).changed());
  b.layers[0].scores[0] = 0.5F;
  CHECK(diff(a, b).layers[0].scores_moved == 1);
}

TEST_CASE("padding is not looked at", "[comparison]") {
  TraceData a = blank(), b;
  b = a;
  exchange(b, 0, 1, 1, 2);
  b.valid.assign(kRows * kRowLength, 1);
  b.valid[1] = 0;
  CHECK_FALSE(diff(a, b).changed());
}

TEST_CASE("log-probabilities and gates have their tolerances", "[comparison]") {
  TraceData a = blank(), b;
  a.log_probs.assign(kRows * kRowLength, -1.0);
  for (auto& layer : a.layers) layer.gates.assign(kRows * kRowLength * kExpertsEach, 0.5F);
  b = a;
  b.log_probs[3] += 1e-6;
  b.layers[1].gates[3 * kExpertsEach + 3] += 1e-6F;
  CHECK_FALSE(diff(a, b).changed());
  b.log_probs[3] += 1e-3;
  CHECK(diff(a, b).log_probs_moved == 1);
  b.layers[1].gates[3 * kExpertsEach + 3] += 1e-3F;
  const Difference found = diff(a, b);
  CHECK(found.layers[1].gates_moved == 1);
  CHECK(found.layers[1].own_changes == 1);
}

TEST_CASE("runs of different models are refused", "[comparison]") {
  TraceData a = blank(), b = blank();
  b.layers.pop_back();
  CHECK_FALSE(compare(make_trace(a), make_trace(b), kAll, kTolerances));
}
