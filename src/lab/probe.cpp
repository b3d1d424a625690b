#include "lab/probe.h"

#include <algorithm>

#include "routing/rule_ids.h"
#include "stats/random.h"

namespace pastonly::lab {
namespace {

constexpr std::size_t most_tokens = 256;
constexpr double settled_agreement = 0.9;
// Streams of the arm's seed, far from those of training.
constexpr std::uint64_t probe_stream = 0x5052'4F42'0000'0000ULL;

}  // namespace

Expected<Probe> Probe::make(const Experiment& experiment, const Arm& arm, const Corpus& corpus) {
  Probe probe;
  const Layout& batch = experiment.batch;
  probe.layout_ = batch;
  probe.layout_.sequences = std::clamp<std::size_t>(most_tokens / batch.positions, 1, batch.sequences);
  const auto seed = stats::CounterRng(arm.seed, probe_stream).bits64();
  if (auto drawn = corpus.draw(Corpus::Part::evaluation, seed, probe.layout_, probe.tokens_); !drawn)
    return tl::unexpected(drawn.error());
  return probe;
}

Expected<ProbeRoutes> Probe::routes(const model::Model& model) {
  ProbeRoutes out{model.steps_done(), {}};
  const auto& config = model.config();
  if (config.dense_layers >= config.layers || config.router.rule.id == routing::ids::soft_moe) return out;
  const auto losses =
      model.evaluate({layout_, tokens_, {}}, {.mode = Mode::eval, .scores = false}, workspace_);
  if (!losses) return tl::unexpected(losses.error());
  for (std::size_t l = config.dense_layers; l < config.layers; ++l)
    out.layers.push_back(workspace_.layers[l].routing.mask);
  return out;
}

double agreement_above_chance(const Mask& a, const Mask& b) {
  double shared = 0.0, mean = 0.0, chance = 0.0;
  for (std::size_t e = 0; e < a.experts(); ++e) {
    double in_a = 0.0, in_b = 0.0;
    for (std::size_t t = 0; t < a.tokens(); ++t) {
      in_a += a(t, e);
      in_b += b(t, e);
      shared += a(t, e) * b(t, e);
    }
    mean += 0.5 * (in_a + in_b);
    chance += in_a * in_b / static_cast<double>(a.tokens());
  }
  return mean > chance ? (shared - chance) / (mean - chance) : 1.0;
}

std::vector<Fixation> fixation_of(const TrainingRecord& record, std::size_t first_layer) {
  std::vector<Fixation> out;
  if (record.probes.empty()) return out;
  const auto& last = record.probes.back().layers;
  for (std::size_t l = 0; l < last.size(); ++l) {
    Fixation& layer = out.emplace_back();
    layer.layer = static_cast<std::uint32_t>(first_layer + l);
    for (const ProbeRoutes& probe : record.probes)
      layer.agreement.emplace_back(probe.step, agreement_above_chance(probe.layers[l], last[l]));
    const auto unsettled =
        std::find_if(layer.agreement.rbegin(), layer.agreement.rend(),
                     [](const auto& point) { return !(point.second >= settled_agreement); });
    layer.settled =
        unsettled == layer.agreement.rend() ? layer.agreement.front().first : std::prev(unsettled)->first;
  }
  return out;
}

}  // namespace pastonly::lab
