// How often checks accuse after short trainings: causal rules, and expert choice before and after it has
// learned to read the leak. Hidden, for they take minutes: pastonly_unit "[.rates][audit-model]".

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "audit_model.h"
#include "input/policy/policy.h"
#include "stats/interval.h"
#include "trained_model.h"

using namespace pastonly;

namespace {

struct Setup {
  std::string_view rule;
  model::Score score = model::Score::softmax;
  Mode mode = Mode::train;
  model::Gate gate = model::Gate::renormalised;
  bool shares_capacity = false;  ///< between sequences, and drops by order: what is said of that is true
};

// All of them select by the token's own past; the last two also by who came first in the batch.
constexpr std::array<Setup, 12> causal_setups{{
    {"top-k,k=2"},
    {"top-k,k=2", model::Score::sigmoid},
    {"biased-top-k,k=2", model::Score::sigmoid},
    {"group-limited-top-k,k=2,groups=4,topk_groups=2"},
    {"expert-choice(streaming),k=2,chunk=8"},
    {"hash,k=2"},
    {"k-means,k=2", model::Score::cosine, Mode::train, model::Gate::softmax},
    {"expert-autonomy,k=2", model::Score::autonomy},
    {"top-k,k=2", model::Score::noisy},
    {"top-k,k=2", model::Score::noisy, Mode::eval},
    {"switch-capacity,capacity_factor=1.0", model::Score::softmax, Mode::train, model::Gate::raw, true},
    {"token-major-capacity,k=2,capacity_factor=1.0", model::Score::softmax, Mode::train, model::Gate::raw,
     true},
}};
constexpr std::uint64_t seed_count = 12;
constexpr std::size_t step_count = 80;

struct Alarms {
  std::map<std::string, int> proofs, statistics, observations;  // by check/claim, at warning or above
  int runs = 0, runs_with_statistics = 0;
};

bool is_true_of_shared_capacity(std::string_view check) {
  return check == "batch-isolation" || check == "order-invariance" || check == "length-invariance" ||
         check == "capacity-drops";
}

void count(const Report& report, bool shares_capacity, Alarms& alarms) {
  ++alarms.runs;
  bool statistical = false;
  for (const auto& finding : report.findings) {
    if (finding.severity == Severity::note) continue;
    if (shares_capacity && is_true_of_shared_capacity(finding.check)) continue;
    const std::string id = finding.check + "/" + finding.claim;
    const bool chance = finding.basis == Claim::Basis::statistical;
    const bool proof = finding.basis == Claim::Basis::proof;
    ++(chance ? alarms.statistics : proof ? alarms.proofs : alarms.observations)[id];
    statistical = statistical || chance;
  }
  alarms.runs_with_statistics += statistical ? 1 : 0;
}

}  // namespace

TEST_CASE("causal runs raise no alarm beyond the stated level", "[.rates][audit-model]") {
  const auto policy = input::read_policy("release", "2026-01-01");
  REQUIRE(policy);
  const Layout layout{4, 32};
  const auto source = uniform_source(16);
  Alarms alarms;
  for (const Setup& setup : causal_setups) {
    int passes = 0;
    for (std::uint64_t seed = 1; seed <= seed_count; ++seed) {
      CAPTURE(setup.rule, seed);
      auto config = small_config(setup.rule);
      config.router.score = setup.score;
      config.router.gate = setup.gate;
      const auto model = trained_model(config, source, layout, step_count, seed);
      ModelAudit options;
      options.live.layout = layout;
      options.live.mode = setup.mode;
      options.live.seed = 7000 + seed;
      options.live.budget = 1 << 15;
      options.audit.today = "2026-01-01";
      const auto report = audit_model(model, source, *policy, options);
      if (!report) FAIL(report.error().message);
      for (const auto& entry : report->checks) {
        CAPTURE(entry.id, entry.reason);
        CHECK(entry.status != "error");
      }
      count(*report, setup.shares_capacity, alarms);
      passes += report->verdict == Verdict::pass ? 1 : 0;
    }
    fmt::print("{}: {} of {} pass\n", setup.rule, passes, seed_count);
    std::fflush(stdout);
    std::fflush(stdout);
  }
  for (const auto& [id, times] : alarms.proofs) fmt::print("proof {}: {}\n", id, times);
  for (const auto& [id, times] : alarms.observations) fmt::print("observation {}: {}\n", id, times);
  for (const auto& [id, times] : alarms.statistics) fmt::print("statistical {}: {}\n", id, times);
  fmt::print("{} runs, {} with a statistical finding (at most {:.1f}% at 95% confidence)\n", alarms.runs,
             alarms.runs_with_statistics,
             100.0 * stats::clopper_pearson_upper(static_cast<std::uint64_t>(alarms.runs_with_statistics),
                                                  static_cast<std::uint64_t>(alarms.runs), 0.05));
  CHECK(alarms.proofs.empty());
  // Noise is not recorded, so nothing explains a noisy layer: said, and no accusation.
  alarms.observations.erase("rule-identification/unexplained");
  CHECK(alarms.observations.empty());
  // The judge keeps the family at 5%: of 144 runs more than this many happen once in 1,000.
  CHECK(alarms.runs_with_statistics <= 16);
}

TEST_CASE("what is found of expert choice as it learns to read the leak", "[.rates][audit-model]") {
  const auto policy = input::read_policy("ci", "2026-01-01");
  REQUIRE(policy);
  const Layout layout{4, 32};
  const auto source = uniform_source(16);
  for (const std::size_t steps : {1, 40, 80, 160, 320}) {
    std::map<std::string, int> found;
    double leak = 0.0;
    for (std::uint64_t seed = 1; seed <= seed_count; ++seed) {
      const auto model =
          trained_model(small_config("expert-choice,k=2,chunk=8"), source, layout, steps, seed);
      ModelAudit options;
      options.live.layout = layout;
      options.live.seed = 7000 + seed;
      options.live.budget = 1 << 15;
      options.audit.today = "2026-01-01";
      const auto report = audit_model(model, source, *policy, options);
      if (!report) FAIL(report.error().message);
      for (const auto& finding : report->findings) {
        if (finding.severity != Severity::note) ++found[finding.check + "/" + finding.claim];
      }
      leak += report->totals.leak_bits.value_or(0.0) / static_cast<double>(seed_count);
    }
    fmt::print("{} steps, used leak {:.3f} bits per token:\n", steps, leak);
    for (const auto& [id, times] : found) fmt::print("  {} in {} of {}\n", id, times, seed_count);
    std::fflush(stdout);
    CHECK(found["causal-mask/flip"] == static_cast<int>(seed_count));
  }
}
