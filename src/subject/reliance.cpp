#include "subject/reliance.h"

#include <utility>
#include <vector>

#include "stats/parallel.h"

namespace pastonly {
namespace {

constexpr double kShuffleShare = 0.125;

/// The recorded runs of one kind that change the base of the first of them: runs of one base are averaged.
Expected<void> add_recorded(Evidence& evidence, Intervention::Kind kind, PairedLoss& out) {
  const auto found = evidence.runs(kind);
  if (found.empty()) return {};
  const auto base = evidence.base_of(*found.front());
  if (!base) return tl::unexpected(base.error());
  std::vector<Trace> runs;
  for (const Intervention* run : found) {
    if (run->base != found.front()->base) continue;
    auto trace = evidence.trace(*run);
    if (!trace) return tl::unexpected(trace.error());
    runs.push_back(*std::move(trace));
  }
  out.add(*base, runs);
  return {};
}

}  // namespace

Expected<PairedLoss> shuffled_losses(Evidence& evidence) {
  PairedLoss out;
  if (auto added = add_recorded(evidence, Intervention::Kind::shuffle, out); !added)
    return tl::unexpected(added.error());
  const auto batches = evidence.fresh_batches(kShuffleShare);
  if (!batches) return tl::unexpected(batches.error());
  std::vector<Expected<Trace>> in_order(*batches), shuffled(*batches);
  stats::parallel_for(*batches, [&](std::size_t i) {
    Intervention run;
    run.kind = Intervention::Kind::shuffle;
    run.seed = i;
    in_order[i] = evidence.fresh_losses(i);
    shuffled[i] = evidence.fresh_losses(i, run);
  });
  for (std::size_t i = 0; i < *batches; ++i) {
    if (!in_order[i]) return tl::unexpected(in_order[i].error());
    if (!shuffled[i]) return tl::unexpected(shuffled[i].error());
    out.add(*in_order[i], std::span(&*shuffled[i], 1));
  }
  return out;
}

Expected<PairedLoss> streamed_losses(Evidence& evidence) {
  PairedLoss out;
  if (auto added = add_recorded(evidence, Intervention::Kind::stream, out); !added)
    return tl::unexpected(added.error());
  return out;
}

}  // namespace pastonly
