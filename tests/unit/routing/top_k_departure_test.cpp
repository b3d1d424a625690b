#include "routing/recorded/top_k_departure.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include "unit/audits/toy_audit.h"

using namespace pastonly;

namespace {

Trace traced(const std::string& rule, bool record_bias = false) {
  toy::Recipe recipe = toy_recipe(rule);
  recipe.record.bias = record_bias;
  recipe.plan.positions = 40;
  recipe.plan.padding = 5;
  auto subject = toy::ToySubject::make(recipe);
  REQUIRE(subject);
  auto trace = (*subject)->observe((*subject)->interventions().front());
  REQUIRE(trace);
  return *std::move(trace);
}

std::set<std::size_t> best(const std::vector<float>& scores, std::size_t k) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t e) { return scores[e]; });
  return {order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k)};
}

}  // namespace

TEST_CASE("departures from top-k agree with counting", "[routing][departure]") {
  for (const char* rule : {"top-k,k=2", "biased-top-k,k=2,bias=[0.2;-0.1;0.05;0;-0.2;0.1;0.15;-0.05]",
                           "token-major-capacity,k=2,capacity=50", "drop-by-score,k=2,capacity=50",
                           "expert-choice,k=2,chunk=20", "group-limited-top-k,k=2,groups=4,topk_groups=2"}) {
    CAPTURE(rule);
    const Trace trace = traced(rule);
    const LayerRecord& layer = trace.layers[1];
    const auto found = routing::top_k_departure(trace, layer, 2);
    const Mask mask = read_mask(layer);
    std::vector<float> scratch;
    const auto scores = read_floats(*layer.ranking(), 0, trace.layout.tokens(), scratch);
    for (std::size_t row = 0; row < trace.layout.sequences; ++row) {
      double routes = 0, rerouted = 0, missing = 0, asked = 0, made = 0, top = 0;
      for (std::size_t position = 0; position < trace.layout.positions; ++position) {
        const std::size_t t = trace.layout.token(row, position);
        if (!trace.is_valid(t)) continue;
        const std::vector<float> own(scores.row(t).begin(), scores.row(t).end());
        const auto wanted = best(own, 2);
        std::size_t kept = 0, other = 0;
        for (std::size_t e = 0; e < own.size(); ++e) {
          if (mask(t, e) == 0) continue;
          ++kept;
          other += wanted.contains(e) ? 0 : 1;
          made += own[e];
        }
        for (const std::size_t e : wanted) top += own[e];
        routes += static_cast<double>(kept);
        rerouted += static_cast<double>(other);
        asked += 2.0;
        missing += kept < 2 ? static_cast<double>(2 - kept) : 0.0;
        CHECK((found.departed[t] != 0) == (kept != 2 || other != 0));
      }
      CHECK(found.by_row[row].routes == routes);
      CHECK(found.by_row[row].rerouted == rerouted);
      CHECK(found.by_row[row].asked == asked);
      CHECK(found.by_row[row].missing == missing);
      CHECK(found.by_row[row].made == Approx(made));
      CHECK(found.by_row[row].best == Approx(top));
    }
  }
}

TEST_CASE("whom a capacity drops: by score the lowest, first come whom chance takes",
          "[routing][departure]") {
  const Trace by_score = traced("drop-by-score,k=2,capacity=40"),
              first = traced("token-major-capacity,k=2,capacity=40");
  const auto lowest = routing::top_k_departure(by_score, by_score.layers[0], 2);
  REQUIRE(lowest.drops_known);
  CHECK(lowest.dropped > 50);
  CHECK(lowest.dropped_lowest == lowest.dropped);
  const auto drawn = routing::top_k_departure(first, first.layers[0], 2);
  REQUIRE(drawn.drops_known);
  CHECK(static_cast<double>(drawn.dropped_lowest) ==
        Approx(drawn.lowest_by_chance).margin(4.0 * std::sqrt(drawn.lowest_by_chance)));
}

TEST_CASE("a bias that was recorded does not hide whom a capacity drops", "[routing][departure]") {
  const char* rule = "biased-top-k,k=2,bias=[0.2;-0.1;0.05;0;-0.2;0.1;0.15;-0.05]";
  const Trace told = traced(rule, true), untold = traced(rule, false);
  REQUIRE_FALSE(told.layers[0].bias.empty());
  CHECK(routing::top_k_departure(told, told.layers[0], 2).drops_known);
  CHECK(routing::top_k_departure(untold, untold.layers[0], 2).drops_known ==
        untold.layers[0].bias.size() > 0);
}
