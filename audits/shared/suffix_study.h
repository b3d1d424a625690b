#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "comparison/run_comparison.h"
#include "comparison/suffix_runs.h"
#include "comparison/trials.h"
#include "evidence/observations.h"
#include "pastonly/error.h"

namespace pastonly::audits {

/// The suffix runs of a subject, by what they can prove.
struct SuffixStudy {
  std::vector<comparison::SuffixRun> single;    ///< one row changed
  std::vector<comparison::SuffixRun> together;  ///< several rows changed, each from a cut of its own perhaps
  std::vector<std::uint64_t> unchanged;         ///< ids of runs whose tokens are the base's
  /// Where something moved before the cut of a row of `together`, that row was changed alone: these stand at
  /// the end of `single`.
  std::deque<Intervention> asked;

  std::vector<comparison::RunRegions> future() const;     ///< single runs, the changed row's past
  std::vector<comparison::RunRegions> ambiguous() const;  ///< runs of several rows, their own pasts
  /// Single runs, all other rows in full.
  std::vector<comparison::RunRegions> others(const Layout& layout) const;
};
/// Errors as Observations::trace.
Expected<SuffixStudy> study_suffixes(evidence::Observations& observations);

/// What runs of several rows are worth as trials. A run before whose cuts nothing moved is as many trials as
/// rows. Where something moved, another row may have moved it: only the row changed alone can tell.
struct GroupedRows {
  std::vector<comparison::ComparedRow>
      rows;                     ///< that need not be changed alone: nothing moved before their cut
  std::uint64_t decisions = 0;  ///< mask entries compared in these runs
  /// Rows in question that were not changed alone. While there are any, `rows` is no fair sample: runs that
  /// moved would be left out of the count.
  std::vector<DetectionLimit::LeftOut> open;
  bool stochastic = false;  ///< chance flips decisions: nothing was settled, and nothing is a trial
  bool settled() const noexcept { return open.empty(); }
};
/// Looks at every row of the compared runs by itself. A row that moved is settled by a single run of the same
/// draw; a live subject is asked for those that are missing, where `ask` says so: at most `most_asked` over
/// all runs, which join `study.single`. `together` must hold the comparisons of study.ambiguous(), in order,
/// and outlive the result. Errors as Observations::trace and comparison::compare.
Expected<GroupedRows> settle_rows(evidence::Observations& observations,
                                  const comparison::RunComparisons& together, bool ask, SuffixStudy& study);
inline constexpr std::size_t most_asked = 24;

}  // namespace pastonly::audits
