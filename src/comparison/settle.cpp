#include "comparison/settle.h"

#include <vector>

#include "stats/exchange_test.h"

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
  out.p_value = stats::exchange_p_value(out.with, looks, looks, out.without);
  return out;
}

}  // namespace pastonly::comparison
