#include "comparison/run_comparison.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "stats/parallel.h"

namespace pastonly::comparison {
namespace {

std::size_t count_changed(const Trace& base, const Trace& run) {
  if (base.tokens.empty() || run.tokens.empty()) return 0;
  std::size_t changed = 0;
  for (std::size_t row = 0; row < run.layout.sequences; ++row) {
    for (std::size_t s = 0; s < run.layout.positions; ++s) {
      const bool in_base = row < base.layout.sequences && s < base.layout.positions;
      const bool same =
          in_base && base.tokens[base.layout.token(row, s)] == run.tokens[run.layout.token(row, s)];
      changed += same ? 0 : 1;
    }
  }
  return changed;
}

Expected<RunComparison> compare_run(evidence::Observations& observations, const RunRegions& comparison,
                                    const Reference& reference) {
  auto trace = observations.trace(*comparison.run);
  if (!trace) return tl::unexpected(trace.error());
  auto difference = compare(reference.base, *trace, comparison.regions, reference.tolerances);
  if (!difference) return tl::unexpected(difference.error());
  const std::size_t changed = count_changed(reference.base, *trace);
  return RunComparison{comparison.run,         &reference, comparison.regions, std::move(*trace),
                       std::move(*difference), changed};
}

}  // namespace

Expected<RunComparisons> compare_runs(evidence::Observations& observations, References& references,
                                      std::span<const RunRegions> comparisons) {
  RunComparisons out;
  std::vector<const Reference*> reference(comparisons.size());
  for (std::size_t i = 0; i < comparisons.size(); ++i) {
    const auto found = references.of(*comparisons[i].run);
    if (!found) return tl::unexpected(found.error());
    reference[i] = *found;
    out.stochastic = out.stochastic || reference[i]->stochastic;
  }
  std::vector<std::optional<Expected<RunComparison>>> results(comparisons.size());
  stats::parallel_for(comparisons.size(), [&](std::size_t i) {
    results[i] = compare_run(observations, comparisons[i], *reference[i]);
  });
  for (auto& result : results) {
    if (!*result) return tl::unexpected(result->error());
    out.tally.add((*result)->difference);
    out.runs.push_back(std::move(**result));
  }
  return out;
}

bool single_row(const Intervention& run, const Layout& layout) {
  return run.kind == Intervention::Kind::suffix &&
         (layout.sequences == 1 || (!run.all_rows && run.rows.size() == 1));
}

std::vector<std::size_t> changed_rows(const Intervention& run, const Layout& layout) {
  if (!run.all_rows) return run.rows;
  std::vector<std::size_t> rows(layout.sequences);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  return rows;
}

}  // namespace pastonly::comparison
