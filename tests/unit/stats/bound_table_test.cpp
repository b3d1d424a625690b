#include "stats/bound_table.h"

#include <cmath>
#include <string>

#include "catch.h"

using namespace pastonly;
using namespace pastonly::stats;

TEST_CASE("nine layers of 16 experts, two per token, 32000 words", "[stats][bound]") {
  const auto table = bound_table({.experts = 16, .top_k = 2, .layers = 9, .vocab = 32000});
  REQUIRE(table);
  REQUIRE(table->layers.size() == 9);
  CHECK(*table->layers[8].facts.bound->floor_bits == Approx(5.6147).epsilon(1e-5));
  CHECK(table->layers[8].index == 8);
  CHECK_FALSE(table->layers[0].facts.bound->capacity_bits.has_value());
  CHECK_FALSE(table->layers[0].facts.bound->vacuous);
  CHECK(*table->totals.floor_bits == Approx(50.532).epsilon(1e-5));
  CHECK(*table->totals.limit_bits == Approx(78.273).epsilon(1e-5));
  CHECK_FALSE(table->totals.capacity_bits.has_value());
  CHECK(*table->totals.successors_identifiable == 3);
}

TEST_CASE("with a chunk the exact capacity", "[stats][bound]") {
  const auto table = bound_table({.experts = 16, .top_k = 2, .chunk = 512, .layers = 9});
  REQUIRE(table);
  CHECK(*table->totals.capacity_bits == Approx(77.083).epsilon(1e-5));
  CHECK(*table->layers[0].facts.bound->chunk == 512);
  CHECK_FALSE(table->totals.successors_identifiable.has_value());
}

TEST_CASE("a floor that says nothing is marked so", "[stats][bound]") {
  const auto toy = bound_table({.experts = 2, .top_k = 1, .chunk = 2});
  REQUIRE(toy);
  CHECK(*toy->totals.capacity_bits == Approx(1.0));
  CHECK(*toy->totals.floor_bits == 0.0);
  CHECK(toy->layers[0].facts.bound->vacuous);
  const auto full = bound_table({.experts = 4, .top_k = 4, .vocab = 10});
  REQUIRE(full);
  CHECK(full->layers[0].facts.bound->vacuous);
  CHECK_FALSE(full->totals.floor_bits.has_value());
  CHECK_FALSE(full->totals.successors_identifiable.has_value());
  const auto wide = bound_table({.experts = 4, .top_k = 3, .vocab = 10});
  CHECK(*wide->totals.successors_identifiable == 0);
}

TEST_CASE("bound refuses shapes that make no sense, naming the option", "[stats][bound]") {
  const auto message = [](const BoundQuery& query) {
    const auto table = bound_table(query);
    REQUIRE_FALSE(table);
    CHECK(table.error().kind == Error::Kind::usage);
    return table.error().message;
  };
  CHECK(message({.experts = 0, .top_k = 1}).find("--experts") != std::string::npos);
  CHECK(message({.experts = 4, .top_k = 5}).find("--top-k") != std::string::npos);
  CHECK(message({.experts = 4, .top_k = 0}).find("--top-k") != std::string::npos);
  CHECK(message({.experts = 4, .top_k = std::nan("")}).find("--top-k") != std::string::npos);
  CHECK(message({.experts = 4, .top_k = 1, .chunk = 0}).find("--chunk") != std::string::npos);
  CHECK(message({.experts = 4, .top_k = 1, .layers = 0}).find("--layers") != std::string::npos);
  CHECK(message({.experts = 4, .top_k = 1, .vocab = 1}).find("--vocab") != std::string::npos);
}
