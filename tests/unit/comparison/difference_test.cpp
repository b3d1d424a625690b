#include "comparison/difference.h"

#include <algorithm>
#include <functional>

#include "catch.h"
#include "stats/random.h"

using namespace pastonly;

namespace {

constexpr std::size_t row_count = 2, row_length = 6, experts_each = 4;

TraceData blank() {
  TraceData data;
  data.layout = {row_count, row_length};
  data.tokens.assign(row_count * row_length, 0);
  for (std::uint32_t l = 0; l < 2; ++l) {
    TraceData::Layer& layer = data.layers.emplace_back();
    layer.index = LayerIndex{l};
    layer.mask.reset(row_count * row_length, experts_each);
    layer.scores.resize(row_count * row_length * experts_each);
    stats::CounterRng rng(l, 5);
    for (std::size_t t = 0; t < row_count * row_length; ++t) {
      for (std::size_t e = 0; e < experts_each; ++e)
        layer.scores[t * experts_each + e] = static_cast<float>(rng.uniform());
      layer.mask(t, t % experts_each) = 1;
    }
  }
  return data;
}

const std::vector<comparison::Region> all_regions{{0, 0, row_length}, {1, 1, row_length}};
const comparison::Tolerances tight_tolerances{{{1e-5, 1e-5}, {1e-5, 1e-5}}, 1e-5};

comparison::Difference diff(const TraceData& a, const TraceData& b,
                            const std::vector<comparison::Region>& regions = all_regions) {
  const auto out = comparison::compare(make_trace(a), make_trace(b), regions, tight_tolerances);
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
      for (std::size_t t = 0; t < row_count * row_length; ++t) {
        for (std::size_t e = 0; e < experts_each; ++e) layer.mask(t, e) = rng.below(3) == 0;
      }
    }
    const std::vector<comparison::Region> regions{{0, 1, rng.below(row_length + 1)},
                                                  {1, 0, rng.below(row_length + 1)}};
    const comparison::Difference found = diff(a, b, regions);
    for (std::size_t l = 0; l < 2; ++l) {
      std::size_t flips = 0, decisions = 0, routes = 0, moved = 0;
      for (const comparison::Region& region : regions) {
        for (std::size_t s = 0; s < region.positions; ++s) {
          const std::size_t from = region.base_row * row_length + s, to = region.run_row * row_length + s;
          bool differs = false;
          for (std::size_t e = 0; e < experts_each; ++e) {
            ++decisions;
            routes += a.layers[l].mask(from, e);
            flips += a.layers[l].mask(from, e) != b.layers[l].mask(to, e);
            differs |= std::abs(a.layers[l].scores[from * experts_each + e] -
                                b.layers[l].scores[to * experts_each + e]) > 1e-5F;
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
  const comparison::Difference found = diff(a, b);
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
    const comparison::Difference found = diff(a, b);
    CHECK(found.layers[0].flips == 0);
    CHECK(found.layers[0].rounding_flips == 2);
    CHECK(found.layers[0].scores_rounded == 1);
    CHECK_FALSE(found.changed());
  }
  SECTION("what it may have caused is left out: its row after it, its experts in the layer") {
    exchange(b, 1, 3, 3, 0);
    b.layers[0].mask(5, 1) = 0;
    const comparison::Difference found = diff(a, b);
    CHECK_FALSE(found.changed());
    CHECK(found.layers[0].rounding_flips == 3);
    CHECK(found.layers[1].tokens == row_length + 1);
  }
  SECTION("other experts, other rows and earlier tokens still count") {
    exchange(b, 1, 0, 0, 2);
    exchange(b, 1, 8, 0, 2);
    const comparison::Difference found = diff(a, b);
    CHECK(found.layers[1].flips == 4);
  }
}

TEST_CASE("an exchange far from a tie counts although scores moved in the last bits", "[comparison]") {
  TraceData a = blank();
  // Every token takes its best expert, so there is no bias that could move the boundary.
  for (auto& layer : a.layers) {
    for (std::size_t t = 0; t < row_count * row_length; ++t) {
      std::size_t best = 0;
      for (std::size_t e = 0; e < experts_each; ++e) {
        layer.mask(t, e) = 0;
        if (layer.scores[t * experts_each + e] > layer.scores[t * experts_each + best]) best = e;
      }
      layer.mask(t, best) = 1;
    }
  }
  TraceData b = a;
  for (float& x : b.layers[0].scores) x *= 1.0F + 1e-6F;
  std::size_t best = 0;
  while (!a.layers[0].mask(0, best)) ++best;
  exchange(b, 0, 0, best, (best + 1) % experts_each);
  const comparison::Difference found = diff(a, b);
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

namespace {

/// One layer of `count` tokens, each with the `k` best by score and a bias that is not recorded. `swapped`:
/// how many tokens, evenly spread, exchange their weakest expert for the next best. Scores in the last bits
/// are drawn by `noise`.
TraceData biased(std::size_t count, std::size_t experts, std::size_t k, std::size_t swapped,
                 std::uint64_t noise) {
  TraceData data;
  data.layout = {1, count};
  data.tokens.assign(count, 0);
  TraceData::Layer& layer = data.layers.emplace_back();
  layer.mask.reset(count, experts);
  stats::CounterRng rng(7), last_bits(noise);
  std::vector<double> bias(experts), ranked(experts);
  for (double& b : bias) b = 0.1 * rng.normal();
  for (std::size_t t = 0; t < count; ++t) {
    std::vector<std::size_t> order(experts);
    for (std::size_t e = 0; e < experts; ++e) {
      const double score = rng.uniform() * (1.0 + 2e-7 * last_bits.uniform());
      layer.scores.push_back(static_cast<float>(score));
      ranked[e] = score + bias[e];
      order[e] = e;
    }
    std::ranges::sort(order, std::greater<>(), [&](std::size_t e) { return ranked[e]; });
    for (std::size_t i = 0; i < k; ++i) layer.mask(t, order[i]) = 1;
    if (swapped > 0 && t % (count / swapped) == 1) {
      layer.mask(t, order[k - 1]) = 0;
      layer.mask(t, order[k]) = 1;
    }
  }
  return data;
}

}  // namespace

TEST_CASE("a bias that nobody recorded explains no more ties than there can be", "[comparison]") {
  constexpr std::size_t count = 192;
  const std::vector<comparison::Region> region{{0, 0, count}};
  const comparison::Tolerances tolerances{{{1e-5, 1e-5}}, 1e-5};
  const auto flips = [&](std::size_t swapped) {
    const auto found = comparison::compare(make_trace(biased(count, 64, 6, 0, 1)),
                                           make_trace(biased(count, 64, 6, swapped, 2)), region, tolerances);
    REQUIRE(found);
    return found->flips();
  };
  CHECK(flips(0) == 0);
  CHECK(flips(6) == 12);
  CHECK(flips(24) == 48);
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
  b.valid.assign(row_count * row_length, 1);
  b.valid[1] = 0;
  CHECK_FALSE(diff(a, b).changed());
}

TEST_CASE("log-probabilities and gates have their tolerances", "[comparison]") {
  TraceData a = blank(), b;
  a.log_probs.assign(row_count * row_length, -1.0);
  for (auto& layer : a.layers) layer.gates.assign(row_count * row_length * experts_each, 0.5F);
  b = a;
  b.log_probs[3] += 1e-6;
  b.layers[1].gates[3 * experts_each + 3] += 1e-6F;
  CHECK_FALSE(diff(a, b).changed());
  b.log_probs[3] += 1e-3;
  CHECK(diff(a, b).log_probs_moved == 1);
  b.layers[1].gates[3 * experts_each + 3] += 1e-3F;
  const comparison::Difference found = diff(a, b);
  CHECK(found.layers[1].gates_moved == 1);
  CHECK(found.layers[1].own_changes == 1);
}

TEST_CASE("runs of different models are refused", "[comparison]") {
  TraceData a = blank(), b = blank();
  b.layers.pop_back();
  CHECK_FALSE(comparison::compare(make_trace(a), make_trace(b), all_regions, tight_tolerances));
}
