#include "routing/identify/shared/run_set.h"

#include <algorithm>
#include <utility>

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t kept_bytes = std::size_t{64} << 20;  // of one layer's views

std::size_t bytes_of(std::span<const LayerRun> runs) {
  std::size_t bytes = 0;
  for (const auto& run : runs) bytes += run.layout.tokens() * run.layer->experts * 5;
  return bytes;
}

}  // namespace

RunSet::RunSet(std::span<const LayerRun> runs, std::vector<RunProfile> profiles)
    : runs_(runs), profiles_(std::move(profiles)) {
  // A single run is held whatever its size: it would only be made again at once.
  const bool keep = runs.size() == 1 || bytes_of(runs) <= kept_bytes;
  if (keep) views_.resize(runs.size());
}

std::shared_ptr<const RunView> RunSet::view(std::size_t i) const {
  if (views_.empty()) return std::make_shared<const RunView>(runs_[i]);
  if (!views_[i]) views_[i] = std::make_shared<const RunView>(runs_[i]);
  return views_[i];
}

std::size_t RunSet::smallest_count() const noexcept {
  return std::ranges::min_element(profiles_, {}, &RunProfile::smallest_count)->smallest_count;
}
std::size_t RunSet::largest_count() const noexcept {
  return std::ranges::max_element(profiles_, {}, &RunProfile::largest_count)->largest_count;
}
std::size_t RunSet::deepest_rank() const {
  std::size_t deepest = largest_count();
  for (std::size_t i = 0; i < size(); ++i) {
    if (profiles_[i].unordered == 0) continue;
    const auto its_view = view(i);
    for (std::size_t token = profiles_[i].first_unordered; token < its_view->tokens(); ++token) {
      if (profiles_[i].best_count[token] != RunProfile::not_best || !its_view->routed(token)) continue;
      deepest = std::max(deepest, rank_of_lowest(*its_view, token));
    }
  }
  return deepest;
}
std::size_t RunSet::tokens() const noexcept {
  std::size_t tokens = 0;
  for (const auto& profile : profiles_) tokens += profile.tokens;
  return tokens;
}

}  // namespace pastonly::routing::hypotheses
