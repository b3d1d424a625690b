#pragma once

#include <memory>
#include <span>
#include <vector>

#include "routing/identify/shared/profile.h"

namespace pastonly::routing::hypotheses {

/// The runs of one layer with their profiles. Views are kept where all of them are small, and made
/// again at each use where they are not, so that a plan of large runs stays within memory.
class RunSet {
 public:
  /// Requires ranking scores in every run, and a profile for each.
  RunSet(std::span<const LayerRun> runs, std::vector<RunProfile> profiles);

  std::size_t size() const noexcept { return runs_.size(); }
  std::size_t experts() const noexcept { return runs_.front().layer->experts; }
  const LayerRun& run(std::size_t i) const noexcept { return runs_[i]; }
  const RunProfile& profile(std::size_t i) const noexcept { return profiles_[i]; }
  std::shared_ptr<const RunView> view(std::size_t i) const;

  /// Over all runs.
  std::size_t smallest_count() const noexcept;
  std::size_t largest_count() const noexcept;
  /// The largest rank of a chosen expert within its token; reads what the profiles left open.
  std::size_t deepest_rank() const;
  std::size_t tokens() const noexcept;

 private:
  std::span<const LayerRun> runs_;
  std::vector<RunProfile> profiles_;
  mutable std::vector<std::shared_ptr<const RunView>> views_;
};

}  // namespace pastonly::routing::hypotheses
