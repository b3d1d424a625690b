#include "audits/shared/suffix_study.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <utility>

#include "integrity/token_changes.h"

namespace pastonly::audits {
namespace {

// Ids that no plan reaches; those of other checks are higher.
constexpr std::uint32_t row_ids = 0x2000'0000u;

/// Finds rows of grouped runs redrawn alone, or asks for them.
class RowsAlone {
 public:
  RowsAlone(evidence::Observations& observations, bool ask, SuffixStudy& study)
      : evidence_(observations),
        study_(study),
        planned_(study.single.size()),
        left_(ask && observations.subject().capabilities().live ? most_asked : 0) {}

  /// Whether the row's draw stands alone among the single runs, now if not before.
  Expected<bool> settle(const comparison::RunComparison& grouped, const comparison::ChangedRow& row) {
    auto there = planned(grouped, row);
    if (!there || *there) return there;
    if (left_ == 0) return false;
    --left_;
    Intervention& alone = study_.asked.emplace_back(*grouped.run);
    alone.id = row_ids + static_cast<std::uint32_t>(study_.asked.size());
    alone.all_rows = false;
    alone.cut = *cut_of(*grouped.run, row.row);
    alone.cuts.clear();
    alone.rows = {row.row};
    study_.single.push_back({&alone, {row}});  // the same draw as in the grouped run
    return true;
  }

 private:
  Expected<bool> planned(const comparison::RunComparison& grouped, const comparison::ChangedRow& row) {
    for (std::size_t i = 0; i < planned_; ++i) {
      const comparison::SuffixRun& single = study_.single[i];
      const comparison::ChangedRow& its = single.rows.front();
      if (its.row != row.row || its.cut != row.cut || single.run->base != grouped.run->base) continue;
      const auto trace = evidence_.trace(*single.run);
      if (!trace) return tl::unexpected(trace.error());
      if (!integrity::tokens_known(grouped.trace, *trace)) continue;
      if (!integrity::row_change(grouped.trace, row.row, *trace, row.row).any) return true;
    }
    return false;
  }

  evidence::Observations& evidence_;
  SuffixStudy& study_;
  std::size_t planned_, left_;
};

/// Which changed rows of a run moved before their cut.
Expected<std::vector<bool>> moved_rows(const comparison::RunComparison& compared,
                                       const comparison::SuffixRun& run) {
  std::vector<bool> moved;
  for (const comparison::ChangedRow& row : run.rows) {
    const comparison::Region region{row.row, row.row, row.cut};
    const auto difference = comparison::compare(compared.reference->base, compared.trace,
                                                std::span(&region, 1), compared.reference->tolerances);
    if (!difference) return tl::unexpected(difference.error());
    moved.push_back(difference->changed());
  }
  return moved;
}

void leave_open(const Intervention& run, const std::vector<std::size_t>& rows, GroupedRows& out) {
  if (rows.empty()) return;
  out.open.push_back(
      {{run.id},
       fmt::format(
           "several rows were redrawn at once and something moved before a cut: only row{} {} redrawn "
           "alone can show why",
           rows.size() == 1 ? "" : "s", fmt::join(rows, ", "))});
}

}  // namespace

std::vector<comparison::RunRegions> SuffixStudy::future() const {
  std::vector<comparison::RunRegions> out;
  for (const auto& run : single) out.push_back(run.own());
  return out;
}

std::vector<comparison::RunRegions> SuffixStudy::ambiguous() const {
  std::vector<comparison::RunRegions> out;
  for (const auto& run : together) out.push_back(run.own());
  return out;
}

std::vector<comparison::RunRegions> SuffixStudy::others(const Layout& layout) const {
  std::vector<comparison::RunRegions> out;
  for (const auto& run : single) {
    if (auto others = run.others(layout); !others.regions.empty()) out.push_back(std::move(others));
  }
  return out;
}

Expected<SuffixStudy> study_suffixes(evidence::Observations& observations) {
  auto runs = comparison::suffix_runs(observations);
  if (!runs) return tl::unexpected(runs.error());
  SuffixStudy out;
  for (comparison::SuffixRun& one : *runs) {
    if (one.rows.empty()) {
      out.unchanged.push_back(one.run->id);
    } else {
      (one.rows.size() > 1 ? out.together : out.single).push_back(std::move(one));
    }
  }
  return out;
}

Expected<GroupedRows> settle_rows(evidence::Observations& observations,
                                  const comparison::RunComparisons& together, bool ask, SuffixStudy& study) {
  GroupedRows out;
  out.stochastic = together.stochastic;
  if (out.stochastic) return out;
  RowsAlone alone(observations, ask, study);
  for (std::size_t i = 0; i < together.runs.size(); ++i) {
    const comparison::RunComparison& compared = together.runs[i];
    const comparison::SuffixRun& run = study.together[i];
    for (const auto& layer : compared.difference.layers) out.decisions += layer.decisions;
    std::vector<bool> moved(run.rows.size(), false);
    if (compared.difference.changed()) {
      auto found = moved_rows(compared, run);
      if (!found) return tl::unexpected(found.error());
      moved = *std::move(found);
    }
    std::vector<std::size_t> open;
    for (std::size_t r = 0; r < run.rows.size(); ++r) {
      if (!moved[r]) {
        out.rows.push_back({&compared, run.rows[r], false});
        continue;
      }
      const auto settled = alone.settle(compared, run.rows[r]);
      if (!settled) return tl::unexpected(settled.error());
      if (!*settled) open.push_back(run.rows[r].row);
    }
    leave_open(*run.run, open, out);
  }
  return out;
}

}  // namespace pastonly::audits
