#include <cmath>
#include <vector>

#include "routing/recorded/load.h"
#include "unit/audits/hand_made.h"
#include "unit/audits/toy_audit.h"

using namespace pastonly;

namespace {

Trace traced(toy::Recipe recipe) {
  auto subject = toy::ToySubject::make(recipe);
  REQUIRE(subject);
  auto trace = (*subject)->observe((*subject)->interventions().front());
  REQUIRE(trace);
  return *std::move(trace);
}

}  // namespace

TEST_CASE("the load survey agrees with counting", "[routing][load]") {
  for (const auto order : {TokenOrder::batch_major, TokenOrder::sequence_major}) {
    toy::Recipe recipe = toy_recipe("token-major-capacity,k=2,capacity=80");
    recipe.record.order = order;
    recipe.plan.positions = 75;
    recipe.plan.padding = 9;
    const Trace trace = traced(recipe);
    const LayerRecord& layer = trace.layers[1];
    const Mask mask = read_mask(layer);
    const routing::LoadSurvey load = routing::survey_load(trace, layer);
    std::vector<std::uint64_t> experts(8), rows(8);
    std::uint64_t tokens = 0, unrouted = 0;
    for (std::size_t t = 0; t < trace.layout.tokens(); ++t) {
      if (trace.valid[t] == 0) continue;
      ++tokens;
      std::uint64_t kept = 0;
      for (std::size_t e = 0; e < 8; ++e) {
        experts[e] += mask(t, e);
        rows[t / 75] += mask(t, e);
        kept += mask(t, e);
      }
      unrouted += kept == 0 ? 1 : 0;
    }
    CHECK(load.expert_counts() == experts);
    CHECK(load.total.tokens == tokens);
    CHECK(load.total.unrouted == unrouted);
    for (std::size_t row = 0; row < 8; ++row) CHECK(load.by_row[row].pairs == rows[row]);
    for (const auto* bins : {&load.by_row, &load.by_position, &load.by_time}) {
      routing::LoadSurvey::Bin sum;
      for (const auto& bin : *bins) {
        sum.tokens += bin.tokens;
        sum.pairs += bin.pairs;
        sum.unrouted += bin.unrouted;
      }
      CHECK(sum == load.total);
    }
  }
}

TEST_CASE("MaxVio at the edges", "[routing][load]") {
  CHECK(routing::max_violation({}) == 0.0);
  CHECK(routing::max_violation(std::vector<std::uint64_t>{0, 0}) == 0.0);
  CHECK(routing::max_violation(std::vector<std::uint64_t>{5, 5, 5}) == Approx(0.0).margin(1e-12));
  CHECK(routing::max_violation(std::vector<std::uint64_t>{6, 2}) == Approx(0.5));
}

TEST_CASE("how loads vary, at the edges and against their definitions", "[routing][load]") {
  using Counts = std::vector<std::uint64_t>;
  CHECK(routing::load_variation({}) == 0.0);
  CHECK(routing::load_variation(Counts{0, 0}) == 0.0);
  CHECK(routing::load_variation(Counts{5, 5, 5}) == Approx(0.0).margin(1e-12));
  CHECK(routing::load_variation(Counts{6, 2}) == Approx(0.5));
  CHECK(routing::load_entropy(Counts{0, 0}) == 0.0);
  CHECK(routing::load_entropy(Counts{7}) == 1.0);
  CHECK(routing::load_entropy(Counts{7, 0}) == 0.0);
  CHECK(routing::load_entropy(Counts{5, 5, 5}) == Approx(1.0));
  CHECK(routing::load_entropy(Counts{6, 2}) == Approx(-(0.75 * std::log2(0.75) + 0.25 * std::log2(0.25))));
}

TEST_CASE("load-balance: expert choice is level, a crowded expert is not", "[audits][load-balance]") {
  const Ran level = ran(run_check(audits::load_balance_check, toy_recipe("expert-choice,k=2,chunk=32")));
  CHECK(*measured(level, "max_violation", 0) == Approx(0.0).margin(1e-12));
  CHECK(level.claims.empty());
  const Ran crowded =
      ran(run_check(audits::load_balance_check, toy_recipe("biased-top-k,k=2,bias=[9;0;0;0;0;0;0;-9]")));
  CHECK(*measured(crowded, "max_violation", 0) == Approx(3.0));  // every token: 4 times its share
  CHECK(*measured(crowded, "idle_experts", 0) == Approx(1.0 / 8.0));
  CHECK(*measured(crowded, "hot_experts", 0) == Approx(1.0 / 8.0));
  CHECK(*measured(crowded, "load_entropy", 0) < 0.9);
  REQUIRE(crowded.charts.size() == 1);  // stretches of 8 tokens would show chance alone
  CHECK(crowded.charts[0].values.at(0) == Approx(4.0));
  CHECK(crowded.charts[0].values.at(7) == 0.0);
  const Claim* idle = find_claim(crowded, "idle-expert");
  REQUIRE(idle != nullptr);
  CHECK(idle->layers.size() == 3);
  CHECK(idle->basis == Claim::Basis::observation);
}

TEST_CASE("capacity-drops: rates by tag and slots agree with counting", "[audits][capacity-drops]") {
  Trace trace = traced(toy_recipe("token-major-capacity,k=2,capacity=64"));
  TraceData data = to_data(trace);
  Tag language{"language", std::vector<std::int64_t>(data.layout.tokens())};
  for (std::size_t t = 0; t < language.values.size(); ++t)
    language.values[t] = t < 10 ? -1 : static_cast<std::int64_t>(t % data.layout.positions % 3);
  data.tags = {language};
  const Mask mask = data.layers[0].mask;
  double tokens[3] = {}, pairs[3] = {}, used = 0.0;
  for (std::size_t t = 0; t < mask.tokens(); ++t) {
    for (std::size_t e = 0; e < mask.experts(); ++e) {
      used += mask(t, e);
      if (language.values[t] >= 0) pairs[language.values[t]] += mask(t, e);
    }
    if (language.values[t] >= 0) tokens[language.values[t]] += 1.0;
  }
  std::vector<double> rates;
  for (int i = 0; i < 3; ++i) rates.push_back(1.0 - pairs[i] / (2.0 * tokens[i]));
  HandMade subject(std::move(data));
  evidence::Observations observations(subject);
  const Policy policy;
  const Ran result = ran(audits::capacity_drops_check.run({observations, policy, 0}));
  const auto rate = std::ranges::find_if(result.measurements, [](const Measurement& m) {
    return m.name == "drop_rate_by[language]" && m.layer == LayerIndex{0};
  });
  REQUIRE(rate != result.measurements.end());
  CHECK(rate->value == Approx(std::ranges::max(rates)));
  CHECK(*rate->lower == Approx(std::ranges::min(rates)));
  CHECK(*measured(result, "capacity_slots", 0) == 64.0 * 8.0);
  CHECK(*measured(result, "used_slots", 0) == Approx(used / 512.0));
}

TEST_CASE("capacity-drops: rate and place of drops", "[audits][capacity-drops]") {
  const Ran result =
      ran(run_check(audits::capacity_drops_check, toy_recipe("token-major-capacity,k=2,capacity=64")));
  const Claim* claim = find_claim(result, "drop-rate");
  REQUIRE(claim != nullptr);
  const double rate = *measured(result, "drop_rate", 0);
  CHECK(rate > 0.4);  // 8 experts x 64 slots for 1024 routes, all filled at best
  CHECK(rate < 0.75);
  CHECK(*measured(result, "drop_rate_batch_end", 0) > *measured(result, "drop_rate_batch_start", 0));
  CHECK(*measured(result, "drop_trend_batch", 0) > 0.5);
  CHECK(rejects(claim, {}, 0.10));
}

TEST_CASE("capacity-drops: nothing dropped, nothing to see, nothing known", "[audits][capacity-drops]") {
  const Ran none = ran(run_check(audits::capacity_drops_check, toy_recipe("top-k,k=2")));
  CHECK(*measured(none, "drop_rate", 2) == 0.0);
  CHECK_FALSE(rejects(find_claim(none, "drop-rate"), {}, 0.10));
  toy::Recipe selected = toy_recipe("token-major-capacity,k=2,capacity=64");
  selected.record.stage = Stage::selected;
  CHECK(std::holds_alternative<Skipped>(run_check(audits::capacity_drops_check, selected)));
  CHECK(std::holds_alternative<Skipped>(
      run_check(audits::capacity_drops_check, toy_recipe("expert-choice,k=2,chunk=32"))));
}

TEST_CASE("layers that routed nothing are foretold by nothing", "[audits][expert-prefetch]") {
  TraceData data = to_data(traced(toy_recipe("top-k,k=2")));
  data.layers[1].mask.reset(data.layout.tokens(), 8);
  const auto result = [](TraceData traced_data) {
    HandMade subject(std::move(traced_data));
    evidence::Observations observations(subject);
    const Policy policy;
    return audits::expert_prefetch_check.run({observations, policy, 0});
  };
  const Ran one = ran(result(data));
  CHECK_FALSE(measured(one, "prefetch_hits[popular, 1K]", 1));
  CHECK(*measured(one, "prefetch_hits[popular, 1K]", 2) > 0.0);
  for (auto& layer : data.layers) layer.mask.reset(data.layout.tokens(), 8);
  CHECK(std::holds_alternative<Skipped>(result(data)));
}

TEST_CASE("scores of zero have no affinity to lose", "[audits][intervention-impact]") {
  TraceData data = to_data(traced(toy_recipe("top-k,k=2")));
  std::ranges::fill(data.layers[0].scores, 0.0F);
  data.layers[0].logits.clear();
  HandMade subject(std::move(data));
  evidence::Observations observations(subject);
  const Policy policy;
  const Ran result = ran(audits::intervention_impact_check.run({observations, policy, 0}));
  CHECK_FALSE(measured(result, "affinity_lost", 0));
  CHECK(*measured(result, "affinity_lost", 1) == 0.0);
}
