#include "run/agreement_charts.h"

#include <cmath>

#include "catch.h"
#include "stats/random.h"

using namespace pastonly;

namespace {

constexpr std::size_t chart_experts = 4;

/// Two layers of top-1; from position `from` on layer 5 of the second sends every token elsewhere.
Trace routed_from(std::size_t rows, std::size_t length, std::size_t from,
                  std::vector<std::uint8_t> valid = {}) {
  TraceData data;
  data.layout = {rows, length};
  for (const std::uint32_t index : {2U, 5U}) {
    TraceData::Layer& layer = data.layers.emplace_back();
    layer.index = LayerIndex{index};
    layer.mask.reset(rows * length, chart_experts);
    stats::CounterRng rng(index, 1);
    for (std::size_t t = 0; t < rows * length; ++t) {
      const std::size_t expert = rng.below(chart_experts);
      layer.mask(t, index == 5 && t % length >= from ? (expert + 1) % chart_experts : expert) = 1;
    }
  }
  stats::CounterRng ids(9, 1);
  for (std::size_t t = 0; t < rows * length; ++t)
    data.tokens.push_back(static_cast<std::int64_t>(ids.below(1000)));
  data.valid = std::move(valid);
  return make_trace(std::move(data));
}

std::vector<Chart> charts_of_pair(const Trace& first, const Trace& second) {
  const auto alignment = comparison::align(first, second);
  REQUIRE(alignment);
  return run::agreement_charts(first, *alignment, comparison::agreement(first, second, *alignment, 0.05, 0));
}

}  // namespace

TEST_CASE("a mismatch is drawn at the positions where it is", "[agreement][chart]") {
  for (const std::size_t length : {16U, 48U, 100U, 1000U}) {
    CAPTURE(length);
    const std::size_t from = length / 2;
    const auto charts = charts_of_pair(routed_from(3, length, length), routed_from(3, length, from));
    REQUIRE(charts.size() == 2);
    const Chart::Series& line = charts[0].series.at(0);
    CHECK(line.x.size() <= run::most_position_bins);
    double sum = 0.0;
    for (std::size_t i = 0; i < line.x.size(); ++i) sum += line.y[i];
    CHECK(line.y.front() == 0.0);
    CHECK(line.y.back() == 1.0);
    CHECK(sum / static_cast<double>(line.y.size()) == Approx(0.5).margin(0.05));
    CHECK(charts[0].about.find("0% of the tokens in the first quarter") == 0);
    CHECK(charts[0].about.find("100% in the last") != std::string::npos);
    const Chart& map = charts[1];
    CHECK(map.rows == std::vector<std::string>{"2", "5"});
    REQUIRE(map.values.size() == 2 * map.columns.size());
    for (std::size_t i = 0; i < map.columns.size(); ++i) CHECK(map.values[i] == 0.0);
    CHECK(map.values.back() == 1.0);
  }
}

TEST_CASE("equal routes and rows of one token are not drawn", "[agreement][chart]") {
  CHECK(charts_of_pair(routed_from(3, 16, 16), routed_from(3, 16, 16)).empty());
  CHECK(charts_of_pair(routed_from(30, 1, 1), routed_from(30, 1, 0)).empty());
}

TEST_CASE("positions count from the first that is compared, in the first recording", "[agreement][chart]") {
  std::vector<std::uint8_t> valid(3 * 16, 1);
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t s = 0; s < 4; ++s) valid[row * 16 + s] = 0;  // padded on the left
  }
  const auto charts = charts_of_pair(routed_from(3, 16, 16, valid), routed_from(3, 16, 8, valid));
  REQUIRE(charts.size() == 2);
  CHECK(charts[1].columns.size() == 12);
  CHECK(charts[1].columns.front() == "4");
  CHECK(charts[1].values[12 + 3] == 0.0);
  CHECK(charts[1].values[12 + 4] == 1.0);
}
