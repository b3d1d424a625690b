#include <algorithm>
#include <string>

#include "catch.h"
#include "identify_cases.h"
#include "stats/random.h"
#include "unit/routing/made.h"

using namespace pastonly;

// Rules by which tokens share a budget: documents, sequences, ranks, padding; and a bias from the tokens
// before.

namespace {

constexpr std::size_t budget_experts = 8;

struct BudgetTrace {
  Layout layout{4, 64};
  bool ids = true;
  std::size_t padding = 0;  ///< invalid positions at the end of every row
  bool masked = false;      ///< what was recorded of padding is zero
  std::uint64_t seed = 1;
};

/// Softmax-like scores; every twelfth token is id 0.
Trace routed_budget(std::string_view text, const BudgetTrace& shape) {
  stats::CounterRng rng(shape.seed, 5);
  TraceData data;
  data.layout = shape.layout;
  TraceData::Layer layer;
  for (std::size_t t = 0; t < shape.layout.tokens(); ++t) {
    for (std::size_t e = 0; e < budget_experts; ++e)
      layer.scores.push_back(
          static_cast<float>(0.1 * static_cast<double>(e) / budget_experts + rng.uniform()));
    data.tokens.push_back(static_cast<std::int64_t>(rng.below(12)));
    if (shape.padding > 0)
      data.valid.push_back(t % shape.layout.positions + shape.padding < shape.layout.positions ? 1 : 0);
  }
  Routing routing;
  made(text)->select({layer.scores.data(), shape.layout.tokens(), budget_experts},
                     {shape.layout, shape.seed, data.tokens, data.valid}, routing);
  if (shape.masked) {
    for (std::size_t t = 0; t < shape.layout.tokens(); ++t) {
      for (std::size_t e = 0; e < budget_experts; ++e)
        routing.mask(t, e) = data.valid[t] & routing.mask(t, e);
    }
  }
  layer.mask = std::move(routing.mask);
  data.layers.push_back(std::move(layer));
  if (!shape.ids) data.tokens.clear();
  return make_trace(std::move(data));
}

std::string said(const routing::Identification& found) {
  return found.rule.id ? format_rule({*found.rule.id, *found.rule.parameters.object()}) : "unexplained";
}

}  // namespace

TEST_CASE("Expert choice within documents is named with its separator", "[identify]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    for (const std::string rule : {"expert-choice,k=2", "expert-choice,k=1", "expert-choice,capacity=3"}) {
      CAPTURE(seed, rule);
      const auto found =
          identify_traces({routed_budget(rule + ",scope=document,separator=0", {.seed = seed})});
      CAPTURE(said(found));
      CHECK(found.rule.id == "expert-choice");
      CHECK(found.rule.causal == false);
      CHECK(found.rule.parameters.integer("separator") == 0);
      CHECK_FALSE(lists(found, "expert-choice(shuffled)"));
    }
  }
}

TEST_CASE("Expert choice within documents that no recorded id ends is not called shuffled", "[identify]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    const auto found = identify_traces(
        {routed_budget("expert-choice,k=2,scope=document,separator=0", {.ids = false, .seed = seed})});
    CAPTURE(said(found));
    CHECK(found.rule.id == "expert-choice");
    CHECK(found.rule.causal == false);
    CHECK(found.rule.parameters.find("separator") == nullptr);
    CHECK(found.rule.parameters.find("documents") != nullptr);
    CHECK_FALSE(lists(found, "expert-choice(shuffled)"));
  }
}

TEST_CASE("Expert choice on shuffled tokens is not called documents", "[identify]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const auto found =
        identify_traces({routed_budget("expert-choice(shuffled),k=2,chunk=16", {.seed = seed})});
    CHECK(found.rule.id == "expert-choice(shuffled)");
  }
}

TEST_CASE("Sequence top-k leaks, and is told from thresholds by its exact counts", "[identify]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    const auto found = identify_traces({routed_budget("sequence-top-k,k=2", {.seed = seed})});
    CHECK(said(found) == "sequence-top-k,k=2");
    CHECK(found.rule.causal == false);
  }
}

TEST_CASE("Batch top-k is open on one batch, and leaks on several", "[identify]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    const auto one = routed_budget("sequence-top-k,k=2,scope=batch", {.seed = seed});
    const auto found = identify_traces({one});
    CHECK(said(found) == "sequence-top-k,k=2,scope=batch");
    // A threshold from elsewhere might have given that count.
    CHECK(lists(found, "expert-threshold"));
    CHECK_FALSE(found.rule.causal.has_value());
    const auto more =
        identify_traces({one, routed_budget("sequence-top-k,k=2,scope=batch", {.seed = seed + 100}),
                         routed_budget("sequence-top-k,k=2,scope=batch", {.seed = seed + 200})});
    CHECK(said(more) == "sequence-top-k,k=2,scope=batch");
    CHECK(more.rule.causal == false);
  }
}

TEST_CASE("A frozen threshold is no batch top-k", "[identify]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    const auto found =
        identify_traces({routed_budget("expert-threshold,thresholds=0.8", {.seed = seed}),
                         routed_budget("expert-threshold,thresholds=0.8", {.seed = seed + 100})});
    CHECK(found.rule.id == "expert-threshold");
    CHECK(found.rule.causal == true);
    CHECK_FALSE(lists(found, "sequence-top-k"));
  }
}

TEST_CASE("Streaming sequence top-k is causal and named", "[identify]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    for (const std::string rule :
         {"sequence-top-k(streaming),k=2", "sequence-top-k(streaming),k=1,scope=batch"}) {
      CAPTURE(seed, rule);
      const auto found = identify_traces({routed_budget(rule, {.seed = seed})});
      CHECK(said(found) == rule);
      CHECK(found.rule.causal == true);
    }
  }
}

TEST_CASE("A capacity of ranks is named, and leaks", "[identify]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    for (const std::string rule :
         {"rank-capacity,k=2,ranks=4,capacity=80", "rank-capacity,k=2,ranks=2,capacity=200"}) {
      CAPTURE(seed, rule);
      const auto found = identify_traces({routed_budget(rule, {.seed = seed})});
      CHECK(said(found) == rule);
      CHECK(found.rule.causal == false);
    }
    // What one rank dropped might have been dropped by one of fewer experts.
    const auto found =
        identify_traces({routed_budget("rank-capacity,k=1,ranks=1,capacity=200", {.seed = seed})});
    CHECK(found.rule.id == "rank-capacity");
    CHECK(found.rule.parameters.integer("capacity") == 200);
    CHECK(found.rule.causal == false);
  }
}

TEST_CASE("Drops of the last expert of a rank alone may be first come, first served", "[identify]") {
  std::size_t open = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    const auto found =
        identify_traces({routed_budget("rank-capacity,k=2,ranks=4,capacity=145", {.seed = seed})});
    CAPTURE(said(found));
    if (lists(found, "top-k")) continue;  // nothing was dropped
    CHECK(lists(found, "rank-capacity"));
    CHECK(found.rule.causal != true);
    open += found.rule.causal.has_value() ? 0 : 1;
  }
  CHECK(open > 0);
}

TEST_CASE("A bias from the tokens before is named with its step, and is causal", "[identify]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    for (const std::string rate : {"0.01", "0.001", "0.05"}) {
      CAPTURE(seed, rate);
      const auto found =
          identify_traces({routed_budget("biased-top-k(prefix),k=2,update_rate=" + rate, {.seed = seed})});
      CAPTURE(said(found));
      CHECK(found.rule.causal == true);
      REQUIRE(lists(found, "biased-top-k(prefix)"));
      if (found.rule.id != "biased-top-k(prefix)") continue;  // small steps: one bias may explain all
      const double step = found.rule.parameters.number("update_rate").value_or(0.0);
      CHECK(step / std::stod(rate) > 0.8);
      CHECK(step / std::stod(rate) < 1.25);
    }
  }
}

TEST_CASE("Padding that took places is stated", "[identify]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    for (const std::string rule : {"token-major-capacity,k=2,capacity=50", "drop-by-score,k=2,capacity=50",
                                   "expert-choice,k=2,chunk=32"}) {
      CAPTURE(seed, rule);
      const BudgetTrace padded{.padding = 16, .seed = seed};
      const auto found = identify_traces({routed_budget(rule + ",padding=counts", padded)});
      CAPTURE(said(found));
      CHECK(found.rule.id == rule.substr(0, rule.find(',')));
      REQUIRE(found.rule.parameters.text("padding") != nullptr);
      CHECK(*found.rule.parameters.text("padding") == "counts");
      const auto skipped = identify_traces({routed_budget(rule, padded)});
      CHECK(skipped.rule.parameters.text("padding") == nullptr);
    }
  }
}

TEST_CASE("Padding that took places and was not recorded leaves a capacity unexplained", "[identify]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    for (const std::string rule : {"token-major-capacity,k=2,capacity=50", "drop-by-score,k=2,capacity=50",
                                   "gshard-top-2,capacity=50"}) {
      CAPTURE(seed, rule);
      const auto found = identify_traces(
          {routed_budget(rule + ",padding=counts", {.padding = 16, .masked = true, .seed = seed})});
      CAPTURE(said(found));
      // A second choice left to chance explains any loss of second choices. It leaks, as the rule does.
      CHECK(found.rule.causal != true);
      CHECK((!found.rule.id || found.rule.id == "gshard-top-2(random-second)"));
    }
  }
}
