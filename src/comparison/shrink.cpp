#include "comparison/shrink.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace pastonly::comparison {
namespace {

/// Asks a live subject for suffixes of one row from other cuts.
class Bisection {
 public:
  Bisection(evidence::Observations& observations, const PickedFlip& pick)
      : evidence_(observations), pick_(pick) {
    for (const Intervention& run : observations.runs()) next_id_ = std::max(next_id_, run.id + 1);
  }

  Intervention at(std::size_t cut) {
    Intervention run = *pick_.compared->run;
    run.id = next_id_++;
    run.cut = cut;
    return run;
  }
  /// Whether the decision is as in the picked run.
  bool flipped(const Trace& trace) const {
    const Flip& flip = pick_.flip;
    const std::size_t experts = trace.layers[pick_.layer].experts;
    std::vector<std::uint8_t> mask(experts);
    read_mask(trace.layers[pick_.layer], trace.layout.token(flip.row, flip.position), 1, mask);
    return (mask[flip.expert] != 0) == flip.after;
  }
  Expected<Trace> observe(const Intervention& run) { return evidence_.subject().observe(run); }

 private:
  evidence::Observations& evidence_;
  const PickedFlip& pick_;
  std::uint32_t next_id_ = 0;
};

std::size_t differing(const Trace& a, const Trace& b) {
  std::size_t count = 0;
  for (std::size_t t = 0; t < a.tokens.size(); ++t) count += a.tokens[t] != b.tokens[t] ? 1 : 0;
  return count;
}

}  // namespace

std::unique_ptr<ShrunkWitness> shrink(evidence::Observations& observations, const PickedFlip& pick) {
  const Trace& base = pick.compared->reference->base;
  if (!observations.subject().capabilities().live || !single_row(*pick.compared->run, base.layout))
    return nullptr;
  Bisection bisection(observations, pick);
  // The decision is flipped with the cut at `low` and as in the base with the cut at `high`.
  std::size_t low = pick.compared->run->cut, high = base.layout.positions;
  Intervention low_run = *pick.compared->run, high_run = bisection.at(high);
  Trace low_trace = pick.compared->trace, high_trace = base;
  while (high - low > 1) {
    const Intervention run = bisection.at(low + (high - low) / 2);
    auto trace = bisection.observe(run);
    if (!trace) return nullptr;
    const bool flipped = bisection.flipped(*trace);
    (flipped ? low : high) = run.cut;
    (flipped ? low_run : high_run) = run;
    (flipped ? low_trace : high_trace) = std::move(*trace);
  }
  if (differing(high_trace, low_trace) >= pick.compared->tokens_changed) return nullptr;
  auto out = std::make_unique<ShrunkWitness>();
  out->base_run = high_run;
  out->run = low_run;
  out->run.base = high == base.layout.positions ? low_run.base : high_run.id;
  out->reference = *pick.compared->reference;
  out->reference.base = std::move(high_trace);
  const std::size_t changed = differing(out->reference.base, low_trace);
  out->compared = RunComparison{&out->run, &out->reference, {}, std::move(low_trace), {}, changed};
  out->pick = PickedFlip{&out->compared, pick.layer, pick.flip};
  return out;
}

}  // namespace pastonly::comparison
