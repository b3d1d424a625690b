#include "run/loss_logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

#include "pastonly/names.h"
#include "stats/loss_curve.h"
#include "stats/loss_sweep.h"
#include "stats/mean_interval.h"

namespace pastonly::run {
namespace {

constexpr std::string_view bits_per_token = "bits per token";

stats::LossCurve curve_of(const input::TrainingLog& log) { return {log.steps, log.losses}; }

/// The log that ends first, and the one that ends last; nullptr where no log has steps.
struct Ends {
  const input::TrainingLog* first = nullptr;
  const input::TrainingLog* last = nullptr;
};

Ends ends_of(std::span<const losses::LoggedArm> arms) {
  Ends out;
  for (const losses::LoggedArm& arm : arms) {
    for (const auto& log : arm.seeds) {
      if (log.steps.empty()) continue;
      if (out.first == nullptr || log.steps.back() < out.first->steps.back()) out.first = &log;
      if (out.last == nullptr || log.steps.back() > out.last->steps.back()) out.last = &log;
    }
  }
  return out;
}

/// The last step that every run has reached: who trained on is no better for it.
double common_end(std::span<const losses::LoggedArm> arms) {
  const Ends ends = ends_of(arms);
  return ends.first == nullptr ? std::numeric_limits<double>::infinity() : ends.first->steps.back();
}

/// Early losses depend on warm-up and luck: where a run ends before half of another one, what they have in
/// common shows nothing of their ends.
constexpr double enough_in_common = 0.5;
bool too_short(const Ends& ends) {
  return ends.first != nullptr && ends.first->steps.back() < enough_in_common * ends.last->steps.back();
}

std::optional<double> loss_at(const input::TrainingLog& log, double end) {
  const auto points = static_cast<std::size_t>(std::ranges::upper_bound(log.steps, end) - log.steps.begin());
  return stats::final_loss({std::span(log.steps).first(points), std::span(log.losses).first(points)});
}

std::vector<stats::SweepArm> sweep_of(std::span<const losses::LoggedArm> arms) {
  const double end = common_end(arms);
  std::vector<stats::SweepArm> out;
  for (const losses::LoggedArm& arm : arms) {
    stats::SweepArm& one =
        out.emplace_back(stats::SweepArm{arm.chunk, arm.causal, arm.evaluated, arm.against});
    if (!arm.evaluated.empty()) continue;
    for (const auto& log : arm.seeds) {
      if (const auto loss = loss_at(log, end)) one.losses.push_back(*loss);
    }
  }
  return out;
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// A figure of every seed, averaged; absent where no seed has it.
template <class Figure>
void add_mean(const losses::LoggedArm& arm, std::string_view name, std::string_view unit, Figure figure,
              Ran& out) {
  std::vector<double> values;
  for (const auto& log : arm.seeds) {
    if (const auto value = figure(curve_of(log))) values.push_back(*value);
  }
  if (values.empty()) return;
  out.measurements.push_back(
      {measurement::of(name, arm.label), mean_of(values), {}, {}, std::string(unit), values.size(), {}});
}

/// Where the curves of the first causal arm end, at the common step, mean over seeds.
std::optional<double> baseline_end(std::span<const losses::LoggedArm> arms) {
  const auto baseline = std::ranges::find(arms, true, &losses::LoggedArm::causal);
  if (baseline == arms.end()) return std::nullopt;
  const double end = common_end(arms);
  std::vector<double> ends;
  for (const auto& log : baseline->seeds) {
    if (const auto loss = loss_at(log, end)) ends.push_back(*loss);
  }
  return ends.empty() ? std::nullopt : std::optional(mean_of(ends));
}

void describe(std::span<const losses::LoggedArm> arms, const std::vector<stats::SweepArm>& sweep,
              double alpha, Ran& out) {
  const std::optional<double> baseline = baseline_end(arms);
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const auto& losses = sweep[i].losses;
    if (!losses.empty()) {
      Measurement& figure = out.measurements.emplace_back();
      figure = {measurement::of(measurement::final_loss, arms[i].label),
                mean_of(losses),
                {},
                {},
                std::string(bits_per_token),
                losses.size(),
                {}};
      if (const auto interval = stats::mean_interval(losses, alpha)) {
        figure.lower = interval->lower;
        figure.upper = interval->upper;
      }
    }
    const auto decline = [](const auto& curve) { return stats::decline_per_doubling(curve); };
    add_mean(arms[i], measurement::decline, "bits per doubling of the steps", decline, out);
    if (!baseline) continue;
    // Over as many points as the final loss is a mean of, or its noise would reach the goal early.
    const auto reach = [&](const stats::LossCurve& curve) {
      return stats::steps_to_reach(curve, *baseline, std::max<std::size_t>(1, curve.steps.size() / 10));
    };
    add_mean(arms[i], measurement::steps_to_baseline, "steps", reach, out);
  }
}

/// A statistical claim; a note where an arm has a single run (its spread is unknown, and that of the other
/// arm need not be its own), or where a run ended early.
Claim drop_claim(std::span<const losses::LoggedArm> arms, const stats::SweepDrop& drop,
                 const Measurement& figure) {
  const std::size_t seeds = arms[drop.arm].seeds.size(), others = arms[drop.against].seeds.size();
  const bool lone = std::min(seeds, others) < 2 && figure.value > 0.0;
  const bool evaluated = !arms[drop.arm].evaluated.empty() && !arms[drop.against].evaluated.empty();
  const Ends ends = ends_of(arms);
  const bool early = !lone && !evaluated && figure.value > 0.0 && too_short(ends);
  Claim claim;
  claim.id = lone ? claim::lone_run : early ? claim::short_run : claim::chunk_drop;
  claim.basis = lone || early ? Claim::Basis::observation : Claim::Basis::statistical;
  if (!lone && !early) claim.p_value = drop.drop.p_value;
  claim.message = fmt::format(
      "runs '{}' end {:.3f} bits per token below runs '{}'{} ({} and {} seed{}); {}", arms[drop.arm].label,
      figure.value, arms[drop.against].label,
      figure.lower ? fmt::format(" [{:.3f}, {:.3f}]", *figure.lower, *figure.upper) : std::string(), seeds,
      others, others == 1 ? "" : "s",
      lone ? "a single run shows no spread, so this decides nothing"
      : early
          ? fmt::format("{} ends at step {:g} of {:g} that {} reaches, and so early a comparison decides "
                        "nothing",
                        ends.first->path, ends.first->steps.back(), ends.last->steps.back(), ends.last->path)
          : "causal routing should give no such advantage");
  claim.amount = figure;
  claim.witness.set("type", "training-logs");
  claim.witness.set("arm", arms[drop.arm].label);
  claim.witness.set("against", arms[drop.against].label);
  claim.witness.set("drop_bits", figure.value);
  claim.help =
      early ? "Leave that log out, or train it on."
      : lone
          ? "Train both arms with at least two seeds. Or audit a plan of the model itself: causal-mask shows "
            "whether routing depends on later tokens."
          : "Losses are evidence, not proof. Audit a plan of the model itself: causal-mask shows whether "
            "routing "
            "depends on later tokens.";
  return claim;
}

}  // namespace

std::vector<Measurement> figures_of_logs(std::span<const losses::LoggedArm> arms, const Policy& policy) {
  Ran out;
  describe(arms, sweep_of(arms), policy.alpha, out);
  return out.measurements;
}

Outcome loss_anomaly_of_logs(std::span<const losses::LoggedArm> arms, const Policy& policy) {
  const auto sweep = sweep_of(arms);
  Ran out;
  describe(arms, sweep, policy.alpha, out);
  const auto drops = stats::sweep_drops(sweep, policy.alpha);
  for (const stats::SweepDrop& drop : drops) {
    const std::size_t seeds = arms[drop.arm].seeds.size() + arms[drop.against].seeds.size();
    Measurement figure{measurement::of(measurement::drop,
                                       measurement::against(arms[drop.arm].label, arms[drop.against].label)),
                       drop.drop.value,
                       {},
                       {},
                       std::string(bits_per_token),
                       seeds,
                       {}};
    if (drop.drop.interval) {
      figure.lower = drop.drop.interval->lower;
      figure.upper = drop.drop.interval->upper;
    }
    // Whatever a causal arm gains, it gains causally.
    if (!arms[drop.arm].causal) out.claims.push_back(drop_claim(arms, drop, figure));
    out.measurements.push_back(std::move(figure));
  }
  if (const auto trend = stats::chunk_trend(sweep))
    out.measurements.push_back(
        {measurement::chunk_trend, *trend, {}, {}, "rank correlation", sweep.size(), {}});
  if (drops.empty() && arms.size() < 2)
    return Skipped{"a single arm cannot be compared; add runs with another chunk size, or causal runs"};
  return out;
}

}  // namespace pastonly::run
