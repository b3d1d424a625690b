#pragma once

#include "evidence/observations.h"
#include "pastonly/report.h"
#include "run/judge.h"

namespace pastonly::run {

/// The report's layers: shapes from the base trace, facts merged from all checks (a later check in
/// report order overrides an earlier one part by part).
std::vector<Report::Layer> layers_of(const Trace& base, const Outcomes& outcomes);
/// Sums over layers; null where some layer has no figure. leak_bits is the leak that the model uses
/// over the whole network (measurement "leak_bits" without a layer), never a sum.
Report::Totals totals_of(const std::vector<Report::Layer>& layers, const Outcomes& outcomes,
                         std::optional<std::uint64_t> vocab);
/// Token positions that are no padding.
std::uint64_t valid_tokens(const Trace& trace);
/// Valid token positions over all distinct runs: repeats, shuffles and reroutes route the base's
/// tokens again and add none. Runs that cannot be read add none either.
std::uint64_t distinct_tokens(evidence::Observations& observations);
/// A row per check for the runs that a plan names and nobody has recorded.
std::vector<Report::NotAssessed> missing_runs(const Subject& subject);

}  // namespace pastonly::run
