#include "comparison/influence.h"

#include <algorithm>
#include <limits>

namespace pastonly::comparison {
namespace {

/// How the tokens before a trial's cut moved; null where none did.
const std::vector<std::uint8_t>* moved_before(const Trial& trial) {
  if (!trial.of.moved) return nullptr;
  const RunComparison& compared = *trial.of.compared;
  for (std::size_t i = 0; i < compared.difference.moved_at.size(); ++i) {
    if (compared.regions[i].base_row != trial.of.changed_row.row) continue;
    const auto& places = compared.difference.moved_at[i];
    return places.empty() ? nullptr : &places;
  }
  return nullptr;
}

/// Keeps of several pairs the nearest and the farthest, the first of equals.
void keep(const Influence::Pair& pair, Influence& out) {
  if (!out.nearest || pair.distance() < out.nearest->distance()) out.nearest = pair;
  if (!out.farthest || pair.distance() > out.farthest->distance()) out.farthest = pair;
}

}  // namespace

bool moves(std::span<const Trial> trials, std::uint8_t how) {
  return std::ranges::any_of(trials, [how](const Trial& trial) {
    const auto* places = moved_before(trial);
    return places != nullptr &&
           std::ranges::any_of(*places, [how](std::uint8_t moved) { return (moved & how) != 0; });
  });
}

Influence influence(std::span<const Trial> trials, std::uint8_t how) {
  Influence out;
  for (const Trial& trial : trials) out.length = std::max(out.length, trial.end_valid);
  if (out.length == 0) return out;
  out.width = (out.length + most_influence_bins - 1) / most_influence_bins;
  out.bins = (out.length + out.width - 1) / out.width;
  std::vector<double> asked(out.bins * out.bins, 0.0), moved(asked);
  for (const Trial& trial : trials) {
    const Trace &base = trial.of.compared->reference->base, &run = trial.of.compared->trace;
    const auto* places = moved_before(trial);
    const std::size_t row = trial.of.changed_row.row, cut = trial.of.changed_row.cut;
    for (std::size_t position = 0; position < std::min(cut, out.length); ++position) {
      if (!base.is_valid(base.layout.token(row, position)) || !run.is_valid(run.layout.token(row, position)))
        continue;
      const std::size_t cell = position / out.width * out.bins + std::min(cut / out.width, out.bins - 1);
      asked[cell] += 1.0;
      ++out.asked;
      if (places == nullptr || ((*places)[position] & how) == 0) continue;
      moved[cell] += 1.0;
      ++out.moved;
      keep({position, cut}, out);
    }
  }
  for (std::size_t i = 0; i < asked.size(); ++i)
    out.share.push_back(asked[i] > 0.0 ? moved[i] / asked[i] : std::numeric_limits<double>::quiet_NaN());
  return out;
}

}  // namespace pastonly::comparison
