#include <algorithm>
#include <cmath>

#include "catch.h"
#include "lab/arm_report.h"
#include "report/text.h"
#include "run/loss_logs.h"

namespace pastonly::lab {
namespace {

const std::string plan_text = R"({
  "schema": "pastonly.experiment/1", "name": "g", "source": "uniform:8", "model": {"experts": 4},
  "arms": [
    {"name": "chunk {chunk}", "rule": "expert-choice,k=1,chunk={chunk}", "seeds": [1, 2, 3], "sweep": {"chunk": [4, 8]}},
    {"name": "mixed", "rule": "expert-choice,k=1,chunk=4", "shuffle": true, "seeds": [1, 2, 3]},
    {"name": "causal", "rule": "top-k,k=1", "seeds": [1, 2, 3]},
    {"name": "balanced", "rule": "biased-top-k,k=1,update_rate=0.01", "seeds": [1, 2, 3]},
    {"name": "late", "rule": "biased-top-k,k=1,update_rate=0.01", "router": {"update": "before_use"},
     "seeds": [1, 2, 3], "against": "balanced"}]})";

/// Losses as if an arm of this group had been trained: chunk 4 far below, balanced a little, the rest equal.
double loss_of(const Arm& arm) {
  const double luck = 0.001 * static_cast<double>(arm.seed);
  return (arm.group == "chunk 4" ? 2.0 : arm.group == "balanced" ? 2.9 : 3.0) + luck;
}

Report reported(const Experiment& plan) {
  Report report;
  report.experiment = Report::Experiment{};
  report.experiment->name = plan.name;
  for (const Arm& arm : plan.arms) {
    EvaluationResult result;
    result.loss_bits = result.in_order = result.lower = result.upper = loss_of(arm);
    TrainingRecord record;
    record.losses = {4.0, loss_of(arm)};
    report.experiment->arms.push_back(arm_entry(arm, plan.batch, result, record));
  }
  return report;
}

const Measurement* figure(const Ran& ran, std::string_view name) {
  const auto found = std::ranges::find(ran.measurements, name, &Measurement::name);
  return found == ran.measurements.end() ? nullptr : &*found;
}

}  // namespace

TEST_CASE("arms of one group are compared over their seeds, causal ones without being accused", "[lab]") {
  const auto plan = parse_experiment(plan_text, "g.json");
  REQUIRE(plan);
  Report report = reported(*plan);
  const auto groups = groups_of(*plan, *report.experiment);
  REQUIRE(groups.size() == 6);
  CHECK(groups[0].chunk == 4);
  CHECK(groups[0].evaluated.size() == 3);
  CHECK_FALSE(groups[2].chunk);  // shuffled chunks are no part of the sweep
  const auto causal = [&](std::size_t i) { return groups[i].causal; };
  CHECK((!causal(0) && !causal(1) && !causal(2) && causal(3) && causal(4) && !causal(5)));
  CHECK(groups[5].against == std::size_t{4});

  const auto outcome = run::loss_anomaly_of_logs(groups, Policy{});
  const Ran& ran = std::get<Ran>(outcome);
  const auto* drop = figure(ran, "drop[chunk 4 against causal]");
  REQUIRE(drop != nullptr);
  CHECK(drop->value == Approx(1.0));
  CHECK(*drop->lower > 0.99);
  CHECK(figure(ran, "drop[chunk 4 against chunk 8]")->value == Approx(1.0));
  CHECK(figure(ran, "drop[balanced against causal]")->value == Approx(0.1));
  CHECK(figure(ran, "drop[late against balanced]")->value == Approx(-0.1));
  CHECK(figure(ran, "drop[late against causal]") == nullptr);
  CHECK(*figure(ran, "final_loss[causal]")->lower ==
        Approx(3.002 - 4.303 * 0.001 / std::sqrt(3.0)).epsilon(1e-6));
  for (const Claim& claim : ran.claims) CHECK(claim.message.find("runs 'balanced' end") == std::string::npos);
  CHECK(std::ranges::count_if(ran.claims, [](const Claim& claim) { return *claim.p_value < 0.05; }) == 2);

  report.checks.push_back({"loss-anomaly", "ran", "", 0.0, ran.measurements});
  const std::string text = report::write_text(report, {});
  CHECK(text.find("18 arms trained") != std::string::npos);
  CHECK(text.find("chunk 4, seed 1") == std::string::npos);
  CHECK(text.find("  chunk 4   2.002 ±0.002") != std::string::npos);
  CHECK(text.find("+1.000 ±0.004") != std::string::npos);
}

}  // namespace pastonly::lab
