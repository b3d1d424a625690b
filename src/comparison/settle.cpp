#include "comparison/settle.h"

#include <vector>

#include "kernels/elementary.h"
#include "stats/bound.h"

namespace pastonly::comparison {
namespace {

/// Beyond the numbers of plans, of resampled futures and of fresh batches.
constexpr std::uint32_t settling_ids = 0x7000'0000U;

std::optional<bool> as_in_run(evidence::Observations& observations, Intervention run, std::uint32_t id,
                              const PickedFlip& pick, std::size_t row) {
  run.id = id;
  const auto trace = observations.trace(run);
  if (!trace || pick.layer >= trace->layers.size()) return std::nullopt;
  const LayerRecord& layer = trace->layers[pick.layer];
  std::vector<std::uint8_t> mask(layer.experts);
  read_mask(layer, trace->layout.token(row, pick.flip.position), 1, mask);
  return (mask[pick.flip.expert] != 0) == pick.flip.after;
}

/// P(at least `with` of the marked fall among the first n of 2 n), the marked being with + without.
double fisher(std::size_t n, std::size_t with, std::size_t without) {
  const auto size = static_cast<double>(n), marked = static_cast<double>(with + without);
  double p = 0.0;
  for (std::size_t k = with; k <= n && k <= with + without; ++k) {
    const double other = marked - static_cast<double>(k);
    if (other > size) continue;
    p += kernels::exp2(stats::log2_binomial(size, static_cast<double>(k)) + stats::log2_binomial(size, other) -
                       stats::log2_binomial(2.0 * size, marked));
  }
  return p < 1.0 ? p : 1.0;
}

}  // namespace

std::optional<Settled> settle(evidence::Observations& observations, const PickedFlip& pick,
                              std::size_t looks) {
  if (!observations.subject().capabilities().live) return std::nullopt;
  const Intervention& run = *pick.compared->run;
  Intervention again;
  again.kind = Intervention::Kind::repeat;
  again.base = run.base;
  Settled out;
  out.looks = looks;
  for (std::size_t i = 0; i < looks; ++i) {
    const auto id = settling_ids + static_cast<std::uint32_t>(2 * i);
    const auto without = as_in_run(observations, again, id, pick, pick.flip.row);
    const auto with = as_in_run(observations, run, id + 1, pick, pick.flip.run_row);
    if (!without || !with) return std::nullopt;
    out.without += *without ? 1 : 0;
    out.with += *with ? 1 : 0;
  }
  out.p_value = fisher(looks, out.with, out.without);
  return out;
}

}  // namespace pastonly::comparison
