#include "comparison/suffix_runs.h"

#include <optional>

#include "integrity/token_changes.h"
#include "stats/parallel.h"

namespace pastonly::comparison {

RunRegions SuffixRun::own() const {
  RunRegions out{run, {}};
  for (const ChangedRow& changed : rows) out.regions.push_back({changed.row, changed.row, changed.cut});
  return out;
}

RunRegions SuffixRun::others(const Layout& layout) const {
  RunRegions out{run, {}};
  auto next = rows.begin();
  for (std::size_t row = 0; row < layout.sequences; ++row) {
    while (next != rows.end() && next->row < row) ++next;
    if (next == rows.end() || next->row != row) out.regions.push_back({row, row, layout.positions});
  }
  return out;
}

SuffixRun suffix_run(const Intervention& run, const Trace& base, const Trace& trace) {
  SuffixRun out{&run, {}};
  const bool known = integrity::tokens_known(base, trace);
  for (std::size_t row = 0; row < base.layout.sequences; ++row) {
    const auto declared = cut_of(run, row);
    if (!declared) continue;
    if (!known) {
      out.rows.push_back({row, *declared, false});
      continue;
    }
    const integrity::RowChange change = integrity::row_change(base, row, trace, row);
    if (change.any) out.rows.push_back({row, change.first.value_or(*declared), !change.first});
  }
  return out;
}

Expected<std::vector<SuffixRun>> suffix_runs(evidence::Observations& observations) {
  const auto runs = observations.runs(Intervention::Kind::suffix);
  std::vector<std::optional<Expected<SuffixRun>>> found(runs.size());
  stats::parallel_for(runs.size(), [&](std::size_t i) {
    const auto base = observations.base_of(*runs[i]);
    const auto trace = observations.trace(*runs[i]);
    if (!base || !trace) {
      found[i] = tl::unexpected(base ? trace.error() : base.error());
    } else {
      found[i] = suffix_run(*runs[i], *base, *trace);
    }
  });
  std::vector<SuffixRun> out;
  for (auto& one : found) {
    if (!*one) return tl::unexpected(one->error());
    out.push_back(std::move(**one));
  }
  return out;
}

}  // namespace pastonly::comparison
