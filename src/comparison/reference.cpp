#include "comparison/reference.h"

#include <algorithm>
#include <utility>

#include "comparison/tolerances.h"

namespace pastonly::comparison {
namespace {

/// What one repeat says of noise.
void take_in(const Difference& difference, Reference& reference) {
  bool after_a_draw = false;
  for (std::size_t l = 0; l < difference.layers.size(); ++l) {
    const LayerDifference& layer = difference.layers[l];
    double own = 0.0;
    for (const auto& units : layer.units) own += units.empty() ? 0.0 : units.back().own;
    // What an earlier layer drew, later ones pass on, and may draw themselves.
    if (own > 0.0 || (after_a_draw && layer.flips > 0))
      after_a_draw = reference.stochastic = reference.stochastic_layers[l] = true;
    const double decisions = static_cast<double>(std::max<std::size_t>(1, layer.decisions));
    reference.repeat_flip_rate[l] += static_cast<double>(layer.flips + layer.rounding_flips) / decisions /
                                     static_cast<double>(reference.repeats.size());
  }
}

void take_redraw(const Difference& difference, Reference& reference) {
  for (std::size_t l = 0; l < difference.layers.size(); ++l) {
    const LayerDifference& layer = difference.layers[l];
    const double decisions = static_cast<double>(std::max<std::size_t>(1, layer.decisions));
    double& rate = reference.redraw_flip_rate[l];
    rate = std::max(rate, static_cast<double>(layer.flips + layer.rounding_flips) / decisions);
  }
}

/// How one repeat moves the first layer.
struct FirstLayer {
  std::uint32_t run = 0;
  double tokens = 0.0, beyond = 0.0, gross = 0.0;
};

FirstLayer first_layer(const Intervention& repeat, const Difference& difference) {
  FirstLayer out{repeat.id};
  if (difference.layers.empty()) return out;
  out.tokens = static_cast<double>(difference.layers.front().tokens);
  for (const auto& units : difference.layers.front().units) {
    if (units.empty()) continue;
    out.beyond += units.back().beyond;
    out.gross += units.back().gross;
  }
  return out;
}

std::vector<std::uint32_t> broken_among(const std::vector<FirstLayer>& repeats) {
  std::vector<std::uint32_t> out;
  if (std::ranges::none_of(repeats, [](const FirstLayer& one) { return one.beyond == 0.0; })) return out;
  for (const FirstLayer& one : repeats) {
    if (one.gross > 0.0 && 2.0 * one.gross >= one.tokens) out.push_back(one.run);
  }
  return out;
}

}  // namespace

std::vector<Region> all_rows(const Layout& layout) {
  std::vector<Region> regions;
  for (std::size_t row = 0; row < layout.sequences; ++row) regions.push_back({row, row, layout.positions});
  return regions;
}

Expected<const Reference*> References::of(const Intervention& run) {
  const std::uint32_t id = run.base.value_or(run.id);
  if (const auto found = made_.find(id); found != made_.end()) return &found->second;
  auto base = evidence_.base_of(run);
  if (!base) return tl::unexpected(base.error());
  Reference reference;
  reference.base = std::move(*base);
  for (const Intervention* repeat : evidence_.runs(Intervention::Kind::repeat)) {
    if (repeat->base == id) reference.repeats.push_back(repeat);
  }
  const std::size_t layers = reference.base.layers.size();
  reference.stochastic_layers.assign(layers, false);
  reference.repeat_flip_rate.assign(layers, 0.0);
  reference.redraw_flip_rate.assign(layers, 0.0);
  reference.tolerances = tolerances_of(reference.base);
  reference.cautious = cautious_tolerances_of(reference.base);
  const UnitLengths whole(reference.base.layout.sequences, {reference.base.layout.positions});
  std::vector<FirstLayer> moves;
  for (const Intervention* repeat : reference.repeats) {
    const auto trace = evidence_.trace(*repeat);
    if (!trace) return tl::unexpected(trace.error());
    const auto difference =
        compare(reference.base, *trace, all_rows(reference.base.layout), reference.tolerances, whole);
    if (!difference) return tl::unexpected(difference.error());
    take_in(*difference, reference);
    moves.push_back(first_layer(*repeat, *difference));
  }
  for (const Intervention* redraw : evidence_.runs(Intervention::Kind::redraw)) {
    if (redraw->base != id) continue;
    const auto trace = evidence_.trace(*redraw);
    if (!trace) return tl::unexpected(trace.error());
    const auto difference =
        compare(reference.base, *trace, all_rows(reference.base.layout), reference.tolerances);
    if (!difference) return tl::unexpected(difference.error());
    take_redraw(*difference, reference);
  }
  reference.broken = broken_among(moves);
  return &made_.emplace(id, std::move(reference)).first->second;
}

}  // namespace pastonly::comparison
