#include <algorithm>
#include <array>

#include "audits/checks.h"
#include "audits/shared/dependence_report.h"
#include "pastonly/names.h"

namespace pastonly::audits {
namespace {

constexpr DependenceWords batch_wording{
    claim::flip, "decisions of unchanged sequences", "only other sequences of the batch were redrawn",
    "The tokens of one sequence change the routing of another: results depend "
    "on the other sequences of the batch, and one user's text can affect "
    "another user's output. Use a dropless rule, or a capacity per sequence."};

/// Rows that a run left as they were, in full.
Expected<std::vector<comparison::RunRegions>> compare_batches(evidence::Observations& observations) {
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

constexpr std::array batch_runs{Intervention::Kind::suffix, Intervention::Kind::batch};

Outcome run_batch_isolation(const CheckContext& context) {
  return check_dependence(context, compare_batches(context.observations), batch_wording,
                          "batch (or one-row suffix)");
}

}  // namespace

const Check batch_isolation_check{
    "batch-isolation",
    "Decisions do not depend on other sequences",
    "Replaces other sequences of the batch, or their suffixes, and compares all decisions of the unchanged "
    "sequences.",
    Needs{},
    run_batch_isolation,
    batch_runs,
};

}  // namespace pastonly::audits
