#include "losses/variant_losses.h"

#include <utility>
#include <vector>

#include "routing/rule_facts.h"
#include "routing/rule_ids.h"
#include "stats/parallel.h"

namespace pastonly {
namespace {

constexpr double kShare = 0.125;  // of a live subject's budget, for each kind

/// The recorded runs that change the base of the first of them: runs of one base are averaged.
Expected<void> add_recorded(Evidence& evidence, const std::vector<const Intervention*>& found,
                            PairedLoss& out) {
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

/// Of a live subject: one run of that kind and rule on each fresh batch that the budget allows.
Expected<void> add_fresh(Evidence& evidence, const Intervention& like, PairedLoss& out) {
  const auto batches = evidence.fresh_batches(kShare);
  if (!batches) return tl::unexpected(batches.error());
  std::vector<Expected<Trace>> in_order(*batches), changed(*batches);
  stats::parallel_for(*batches, [&](std::size_t i) {
    Intervention run = like;
    run.seed = i;
    in_order[i] = evidence.fresh_losses(i);
    changed[i] = evidence.fresh_losses(i, std::move(run));
  });
  for (std::size_t i = 0; i < *batches; ++i) {
    if (!in_order[i]) return tl::unexpected(in_order[i].error());
    if (!changed[i]) return tl::unexpected(changed[i].error());
    out.add(*in_order[i], std::span(&*changed[i], 1));
  }
  return {};
}

Expected<PairedLoss> losses(Evidence& evidence, const std::vector<const Intervention*>& recorded,
                            const Intervention& like) {
  PairedLoss out;
  if (auto added = add_recorded(evidence, recorded, out); !added) return tl::unexpected(added.error());
  if (auto added = add_fresh(evidence, like, out); !added) return tl::unexpected(added.error());
  return out;
}

}  // namespace

Expected<PairedLoss> shuffled_losses(Evidence& evidence) {
  Intervention like;
  like.kind = Intervention::Kind::shuffle;
  return losses(evidence, evidence.runs(like.kind), like);
}

Expected<PairedLoss> top_k_losses(Evidence& evidence) {
  auto reroutes = evidence.runs(Intervention::Kind::reroute);
  std::erase_if(reroutes,
                [](const Intervention* run) { return !names_rule(run->rule, routing::ids::top_k); });
  if (reroutes.empty()) return PairedLoss();
  Intervention like;
  like.kind = Intervention::Kind::reroute;
  like.rule = reroutes.front()->rule;
  return losses(evidence, {reroutes.front()}, like);
}

Expected<PairedLoss> twin_losses(Evidence& evidence) {
  PairedLoss out;
  Subject* const twin = evidence.subject().twin();
  const auto bases = evidence.runs(Intervention::Kind::base);
  if (twin == nullptr || bases.empty()) return out;
  const auto add = [&](const Expected<Trace>& own, const Intervention& run) -> Expected<void> {
    if (!own) return tl::unexpected(own.error());
    const auto other = twin->losses(run);
    if (!other) return tl::unexpected(other.error());
    out.add(*own, std::span(&*other, 1));
    return {};
  };
  if (auto added = add(evidence.base(), *bases.front()); !added) return tl::unexpected(added.error());
  const auto batches = evidence.fresh_batches(kShare);
  if (!batches) return tl::unexpected(batches.error());
  for (std::size_t i = 0; i < *batches; ++i) {
    if (auto added = add(evidence.fresh_losses(i), Evidence::fresh_run(i)); !added)
      return tl::unexpected(added.error());
  }
  return out;
}

Expected<PairedLoss> streamed_losses(Evidence& evidence) {
  PairedLoss out;
  const auto recorded = evidence.runs(Intervention::Kind::stream);
  if (auto added = add_recorded(evidence, recorded, out); !added) return tl::unexpected(added.error());
  return out;
}

}  // namespace pastonly
