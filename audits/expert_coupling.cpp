#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "audits/checks.h"
#include "audits/shared/dependence_report.h"
#include "audits/shared/expert_responses.h"
#include "audits/shared/router_charts.h"
#include "audits/shared/seen_router.h"
#include "evidence/observations.h"
#include "kernels/elementary.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"
#include "routing/coupling.h"
#include "routing/recorded/load.h"
#include "stats/holm.h"
#include "stats/matching_test.h"
#include "stats/random.h"

namespace pastonly::audits {
namespace {

constexpr double alphas[] = {0.5, 0.75, 1.0};
constexpr std::uint64_t step_tokens = std::uint64_t{1} << 22;  // of a large training step

using Norms = kernels::Matrix<double>;

double share(std::size_t count, std::size_t of) {
  return static_cast<double>(count) / static_cast<double>(of);
}

struct CouplingFindings {
  LayerIndex index{};
  std::size_t experts = 0;
  std::size_t rows_won = 0;
  stats::DiagonalExcess excess;  ///< of the gate projections
  double term = 0.0;             ///< multiplications of one evaluation of M
  double expert = 0.0;           ///< numbers of one expert
};

/// Adds the figures of one layer.
class Figures {
 public:
  Figures(CouplingFindings& layer, std::vector<Measurement>& out) : layer_(layer), out_(out) {}

  void say(std::string name, double value, const char* unit) {
    out_.push_back({std::move(name), value, {}, {}, unit, layer_.experts, layer_.index});
  }

  stats::DiagonalExcess describe(const char* what, const Norms& norms, std::uint64_t seed) {
    const std::size_t n = layer_.experts;
    auto excess = stats::diagonal_excess(norms.block(), seed);
    const kernels::Block<const double> rescaled(excess.normalised.data(), n, n);
    won(measurement::rows_won, what, stats::largest_columns(norms.block()));
    won(measurement::columns_won, what, stats::largest_rows(norms.block()));
    won(measurement::rows_won_rescaled, what, stats::largest_columns(rescaled));
    won(measurement::columns_won_rescaled, what, stats::largest_rows(rescaled));
    say(measurement::of(measurement::own_excess, what), excess.mean, "nats");
    say(measurement::of(measurement::own_excess_p, what), excess.p_value, "probability");
    return excess;
  }

  void won(const char* name, const char* what, const std::vector<std::size_t>& winners) {
    say(measurement::of(name, what), share(stats::own_places(winners), winners.size()), "fraction");
  }

  void loss(const Norms& norms) {
    double own = 0.0;
    for (std::size_t i = 0; i < layer_.experts; ++i)
      own += norms.row(i)[i] / static_cast<double>(layer_.experts);
    for (const double alpha : alphas) {
      const double loss = routing::coupling_loss<double>(norms.block(), alpha);
      const std::string label = fmt::format("{}", alpha);
      say(measurement::of(measurement::coupling_loss, label), loss, "length");
      if (own > 0.0)
        say(measurement::of(measurement::coupling_loss_relative, label), loss / own, "own responses");
    }
  }

 private:
  CouplingFindings& layer_;
  std::vector<Measurement>& out_;
};

CouplingFindings look_at(const RoutedLayer& layer, const ExpertResponses& responses, std::uint64_t seed,
                         std::vector<Measurement>& out) {
  CouplingFindings found;
  found.index = layer.index;
  found.experts = layer.experts;
  const auto n = static_cast<double>(layer.experts);
  const double matrix = static_cast<double>(layer.width) * static_cast<double>(layer.expert_width);
  found.term = n * n * matrix;
  found.expert = 3.0 * matrix;
  Figures figures(found, out);
  const auto winners = stats::largest_columns(responses.gate.block());
  found.rows_won = stats::own_places(winners);
  found.excess = figures.describe("gate", responses.gate, seed);
  figures.say(measurement::of(measurement::rows_won_p, "gate"), stats::matching_p(winners, found.rows_won),
              "probability");
  figures.won(measurement::rows_won, "gate with noise", stats::largest_columns(responses.noisy_gate.block()));
  figures.won(measurement::columns_won, "gate with noise", stats::largest_rows(responses.noisy_gate.block()));
  figures.describe("up", responses.up, seed);
  figures.describe("act", responses.act, seed);
  figures.describe("output", responses.output, seed);
  figures.loss(responses.noisy_gate);
  return found;
}

/// What the loss costs: forward and backward of M, against those of all matrices that a token passes.
Expected<void> add_cost(const CheckContext& context, const Weights& weights,
                        const std::vector<CouplingFindings>& found, Ran& ran) {
  const auto trace = context.observations.base();
  if (!trace) return tl::unexpected(trace.error());
  double term = 0.0, token = weights.common_weights();
  for (const CouplingFindings& layer : found) {
    term += layer.term;
    const auto recorded = std::ranges::find(trace->layers, layer.index, &LayerRecord::index);
    if (recorded != trace->layers.end())
      token += layer.expert * routing::survey_load(*trace, *recorded).mean_experts();
  }
  const auto tokens = static_cast<std::uint64_t>(trace->layout.tokens());
  ran.measurements.push_back({measurement::coupling_cost_tokens, term / token, {}, {}, "tokens", tokens, {}});
  ran.measurements.push_back(
      {measurement::of(measurement::coupling_cost, fmt::format("{} tokens", step_tokens)),
       term / token / static_cast<double>(step_tokens),
       {},
       {},
       "fraction of a training step",
       tokens,
       {}});
  return {};
}

/// Layers in which the test could have told, and did not.
void add_uncoupled(const CheckContext& context, const std::vector<CouplingFindings>& found, Ran& ran) {
  std::vector<double> p_values;
  p_values.reserve(found.size());
  for (const CouplingFindings& layer : found) p_values.push_back(layer.excess.p_value);
  const auto adjusted = stats::holm_adjusted(p_values);
  Claim claim;
  claim.id = claim::uncoupled;
  claim.basis = Claim::Basis::observation;
  const CouplingFindings* best = nullptr;
  for (std::size_t l = 0; l < found.size(); ++l) {
    const double smallest = found[l].excess.smallest_p * static_cast<double>(found.size());
    if (adjusted[l] <= context.policy.alpha || smallest > context.policy.alpha) continue;
    claim.layers.push_back(found[l].index);
    if (best == nullptr || found[l].excess.mean > best->excess.mean) best = &found[l];
  }
  if (best == nullptr) return;
  claim.message = fmt::format(
      "that experts answer their own router rows more than others cannot be told from chance, in {}: at most "
      "by a factor of "
      "{:.3f}, in layer {} (p = {:.2g}), where {} of {} rows excite their own expert most and chance gives 1",
      layer_list(claim.layers), kernels::exp(best->excess.mean), raw(best->index), best->excess.p_value,
      best->rows_won, best->experts);
  claim.help =
      "No fault by itself: expert-router coupling (Lv et al. 2025) is a training objective, and a model that "
      "was "
      "not trained with it need not be coupled. Where it was, look at the objective's coefficient.";
  ran.claims.push_back(std::move(claim));
}

/// D of the gate projections.
Chart chart_of(const CouplingFindings& layer) {
  Chart chart = square_chart("responses", layer.index,
                             "how much more experts answer router rows than row and expert suggest",
                             layer.excess.normalised, layer.experts);
  chart.x = "expert";
  chart.y = "router row";
  chart.unit = "nats";
  return chart;
}

Outcome run_expert_coupling(const CheckContext& context) {
  evidence::Observations& observations = context.observations;
  const Weights* weights = observations.subject().weights();
  if (weights == nullptr) return Skipped{"the weights of routers and experts are not known"};
  const std::size_t layers = weights->layers();
  Ran ran;
  std::vector<CouplingFindings> found;
  for (std::size_t l = 0; l < layers; ++l) {
    const SeenRouter router = seen_router(*weights, l);
    if (router.layer.experts < 2) continue;
    std::atomic<std::size_t> done{0};
    const auto told = [&] {
      observations.meter().did_share(
          1.0 / static_cast<double>(layers * router.layer.experts),
          fmt::format("expert {} of {} of layer {} of {}", ++done, router.layer.experts, l + 1, layers));
    };
    stats::CounterRng seeds(context.seed, l);  // of noise, then of pairings
    const auto responses =
        expert_responses(*weights, l, router, seeds.bits64(), observations.watch().stop, told);
    if (!responses) return responses.error();
    found.push_back(look_at(router.layer, *responses, seeds.bits64(), ran.measurements));
    if (is_layer_drawn(l, layers, router.layer.experts)) ran.charts.push_back(chart_of(found.back()));
  }
  if (found.empty()) return Skipped{"no layer has two experts"};
  if (const auto cost = add_cost(context, *weights, found, ran); !cost) return cost.error();
  add_uncoupled(context, found, ran);
  return ran;
}

}  // namespace

const Check expert_coupling_check{
    "expert-coupling",
    "Whether experts answer to their router rows",
    "Gives every expert every router row as a token, and measures how strongly "
    "it answers: coupled experts answer "
    "their own row more than others do, and more than they answer other rows. "
    "It reports how often that is so, "
    "against chance, what the loss of expert-router coupling (Lv et al. 2025) "
    "is, and what training with it would "
    "cost.",
    {.weights = true},
    run_expert_coupling,
    {},
    Effort{.passes = 500.0},
};

}  // namespace pastonly::audits
