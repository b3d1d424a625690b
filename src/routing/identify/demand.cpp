#include "routing/identify/demand.h"

#include <algorithm>
#include <functional>

namespace pastonly::routing::hypotheses {

std::uint16_t DemandReader::rank_above(std::int32_t key) const {
  std::int32_t above = 0;
  for (std::size_t e = 0; e < keys_.size(); ++e) above += static_cast<std::int32_t>(keys_[e] > key);
  return static_cast<std::uint16_t>(above + 1);
}

std::uint16_t DemandReader::rank_through(std::int32_t key) const {
  std::int32_t through = 0;
  for (std::size_t e = 0; e < keys_.size(); ++e) through += static_cast<std::int32_t>(keys_[e] >= key);
  return static_cast<std::uint16_t>(std::min(static_cast<std::size_t>(through), k_));
}

const Demand& DemandReader::read(const float* scores, const std::uint8_t* mask) {
  const std::size_t n = keys_.size();
  demand_.kept.clear();
  demand_.refused.clear();
  demand_.tied.clear();
  demand_.tied_refused = 0;
  demand_.possible = true;
  for (std::size_t e = 0; e < n; ++e) keys_[e] = order_key(scores[e]);
  sorted_ = keys_;
  const std::size_t k = std::min(k_, n);
  std::nth_element(sorted_.begin(), sorted_.begin() + static_cast<std::ptrdiff_t>(k - 1), sorted_.end(),
                   std::greater<>());
  const std::int32_t last = sorted_[k - 1];
  std::size_t above = 0, tied_kept = 0;
  for (std::size_t e = 0; e < n; ++e) {
    const auto expert = static_cast<std::uint16_t>(e);
    const std::int32_t key = keys_[e];
    above += key > last ? 1 : 0;
    if (mask[e] != 0) {
      demand_.kept.push_back({expert, rank_above(key)});
      tied_kept += key == last ? 1 : 0;
      if (key < last && demand_.possible) {
        demand_.possible = false;
        demand_.offending = e;
      }
    } else if (key > last) {
      demand_.refused.push_back({expert, rank_through(key)});
    } else if (key == last) {
      demand_.tied.push_back({expert, rank_through(key)});
    }
  }
  if (tied_kept > k - above) {
    demand_.possible = false;
    demand_.offending = demand_.kept.empty() ? 0 : demand_.kept.back().expert;
    return demand_;
  }
  demand_.tied_refused = k - above - tied_kept;
  if (demand_.tied_refused == demand_.tied.size()) {
    demand_.refused.insert(demand_.refused.end(), demand_.tied.begin(), demand_.tied.end());
    demand_.tied_refused = 0;
  }
  if (demand_.tied_refused == 0) demand_.tied.clear();
  return demand_;
}

}  // namespace pastonly::routing::hypotheses
