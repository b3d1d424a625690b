#include "audits/shared/place_noise.h"

#include <algorithm>
#include <vector>

namespace pastonly::audits {
namespace {

/// Whether every valid token of the regions has as many experts in both runs.
bool equal_counts(const comparison::RunComparison& compared, std::size_t layer) {
  const Trace& base = compared.reference->base;
  const Trace& run = compared.trace;
  const LayerRecord &before = base.layers[layer], &after = run.layers[layer];
  std::vector<std::uint8_t> was(before.experts), is(after.experts);
  for (const comparison::Region& region : compared.regions) {
    for (std::size_t s = 0; s < region.positions; ++s) {
      const std::size_t from = base.layout.token(region.base_row, s),
                        to = run.layout.token(region.run_row, s);
      if (!base.is_valid(from) || !run.is_valid(to)) continue;
      read_mask(before, from, 1, was);
      read_mask(after, to, 1, is);
      if (std::ranges::count(was, 1) != std::ranges::count(is, 1)) return false;
    }
  }
  return true;
}

bool scores_or_no_slots(const comparison::RunComparison& compared) {
  for (std::size_t l = 0; l < compared.difference.layers.size(); ++l) {
    const comparison::LayerDifference& layer = compared.difference.layers[l];
    if (!layer.changed()) continue;
    return (layer.scored && layer.own_changes == 0) || equal_counts(compared, l);
  }
  return true;
}

/// What stands before the cuts of rows that suffix runs change.
Expected<std::vector<comparison::RunRegions>> prefixes(evidence::Observations& observations) {
  std::vector<comparison::RunRegions> out;
  for (const Intervention* run : observations.runs(Intervention::Kind::suffix)) {
    const auto base = observations.base_of(*run);
    if (!base) return tl::unexpected(base.error());
    comparison::RunRegions comparison{run, {}};
    for (const std::size_t row : comparison::changed_rows(*run, base->layout))
      comparison.regions.push_back({row, row, cut_of(*run, row).value_or(0)});
    if (!comparison.regions.empty()) out.push_back(std::move(comparison));
  }
  return out;
}

/// Whether another seed changes a base: only then is anything drawn by chance.
Expected<bool> chance_moves(evidence::Observations& observations, comparison::References& references) {
  std::vector<comparison::RunRegions> redraws;
  for (const Intervention* run : observations.runs(Intervention::Kind::redraw)) {
    const auto base = observations.base_of(*run);
    if (!base) return tl::unexpected(base.error());
    redraws.push_back({run, comparison::all_rows(base->layout)});
  }
  if (redraws.empty()) return false;
  const auto found = comparison::compare_runs(observations, references, redraws);
  if (!found) return tl::unexpected(found.error());
  return found->tally.changed();
}

bool lengthens(const comparison::RunComparison& compared) {
  return compared.run->kind == Intervention::Kind::length;
}

}  // namespace

Expected<std::vector<comparison::RunRegions>> unchanged_rows(evidence::Observations& observations) {
  std::vector<comparison::RunRegions> out;
  for (const Intervention& run : observations.runs()) {
    const bool suffix = run.kind == Intervention::Kind::suffix;
    if (!suffix && run.kind != Intervention::Kind::batch) continue;
    const auto base = observations.base_of(run);
    if (!base) return tl::unexpected(base.error());
    const std::vector<std::size_t> listed = suffix ? comparison::changed_rows(run, base->layout) : run.keep;
    comparison::RunRegions comparison{&run, {}};
    for (std::size_t row = 0; row < base->layout.sequences; ++row) {
      const bool in_list = std::find(listed.begin(), listed.end(), row) != listed.end();
      if (in_list != suffix) comparison.regions.push_back({row, row, base->layout.positions});
    }
    if (!comparison.regions.empty()) out.push_back(std::move(comparison));
  }
  return out;
}

Expected<bool> is_noise_by_place(evidence::Observations& observations, comparison::References& references,
                                 const comparison::RunComparisons& moved) {
  if (!std::ranges::all_of(moved.runs, scores_or_no_slots)) return false;
  auto unchanged = unchanged_rows(observations);
  if (!unchanged) return tl::unexpected(unchanged.error());
  if (unchanged->empty()) return false;
  if (std::ranges::any_of(moved.runs, lengthens)) {
    // A function of the length (of positions scaled by it, say) moves the same tokens, and is no chance.
    auto chance = chance_moves(observations, references);
    if (!chance || !*chance) return chance;
    const auto before_cuts = prefixes(observations);
    if (!before_cuts) return tl::unexpected(before_cuts.error());
    unchanged->insert(unchanged->end(), before_cuts->begin(), before_cuts->end());
  }
  const auto content = comparison::compare_runs(observations, references, *unchanged);
  if (!content) return tl::unexpected(content.error());
  return !content->tally.changed();
}

}  // namespace pastonly::audits
