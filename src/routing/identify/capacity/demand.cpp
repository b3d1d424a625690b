#include "routing/identify/capacity/demand.h"

#include <algorithm>
#include <functional>

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t few = 6;  // passes over the row that cost less than selecting from a copy

/// The largest key below `limit`; the lowest key where there is none.
std::int32_t largest_below(const std::int32_t* keys, std::size_t n, std::int32_t limit) {
  std::int32_t largest = lowest_key;
  for (std::size_t e = 0; e < n; ++e) {
    const std::int32_t key = keys[e] < limit ? keys[e] : lowest_key;
    largest = key > largest ? key : largest;
  }
  return largest;
}

std::size_t count_equal(const std::int32_t* keys, std::size_t n, std::int32_t key) {
  std::int32_t count = 0;
  for (std::size_t e = 0; e < n; ++e) count += static_cast<std::int32_t>(keys[e] == key);
  return static_cast<std::size_t>(count);
}

}  // namespace

std::uint16_t DemandReader::rank_above(std::int32_t key) const {
  if (!ranks_) return 0;
  std::int32_t above = 0;
  for (std::size_t e = 0; e < keys_.size(); ++e) above += static_cast<std::int32_t>(keys_[e] > key);
  return static_cast<std::uint16_t>(above + 1);
}

std::uint16_t DemandReader::rank_through(std::int32_t key) const {
  if (!ranks_) return 0;
  std::int32_t through = 0;
  for (std::size_t e = 0; e < keys_.size(); ++e) through += static_cast<std::int32_t>(keys_[e] >= key);
  return static_cast<std::uint16_t>(std::min(static_cast<std::size_t>(through), k_));
}

void DemandReader::read_kept(const float* scores, const std::uint8_t* mask) {
  const std::size_t n = keys_.size();
  std::int32_t* __restrict keys = keys_.data();
  std::int32_t* __restrict left = left_.data();
  std::int32_t lowest = highest_key;
  // Bit masks instead of branches: what the vectoriser takes.
  for (std::size_t e = 0; e < n; ++e) {
    const std::int32_t key = order_key(scores[e]);
    const std::int32_t on = -static_cast<std::int32_t>(mask[e]);
    const std::int32_t if_kept = (key & on) | (highest_key & ~on);
    keys[e] = key;
    left[e] = (key & ~on) | (lowest_key & on);
    lowest = if_kept < lowest ? if_kept : lowest;
  }
  lowest_kept_ = lowest;
  for (std::size_t e = 0; e < n; ++e) {
    if (mask[e] == 0) continue;
    demand_.kept.push_back({static_cast<std::uint16_t>(e), rank_above(keys[e])});
  }
}

/// The `wanted` best of what was left out: the last of them may be tied with others.
void DemandReader::read_refused(std::size_t wanted) {
  const std::size_t n = keys_.size();
  std::int32_t last = highest_key;
  std::size_t above = 0, equal = 0;  // left out above and at the last one wanted
  if (wanted > few) {
    sorted_ = left_;
    const auto nth = sorted_.begin() + static_cast<std::ptrdiff_t>(wanted - 1);
    std::nth_element(sorted_.begin(), nth, sorted_.end(), std::greater<>());
    last = *nth;
    above = static_cast<std::size_t>(
        std::count_if(sorted_.begin(), nth, [&](std::int32_t key) { return key > last; }));
    equal = count_equal(left_.data(), n, last);
  }
  while (above + equal < wanted) {
    above += equal;
    last = largest_below(left_.data(), n, last);
    equal = count_equal(left_.data(), n, last);
  }
  const std::size_t at_last = wanted - above;
  for (std::size_t e = 0; e < n; ++e) {
    if (left_[e] < last) continue;
    const Demand::Choice choice{static_cast<std::uint16_t>(e), rank_through(left_[e])};
    (left_[e] > last || at_last == equal ? demand_.refused : demand_.tied).push_back(choice);
  }
  if (at_last < equal) demand_.tied_refused = at_last;
  // What is left below the last one wanted must not stand above anything kept; ties with it may.
  const std::int32_t rest = at_last < equal ? last : largest_below(left_.data(), n, last);
  demand_.possible = demand_.kept.empty() || lowest_kept_ >= rest;
}

const Demand& DemandReader::read(const float* scores, const std::uint8_t* mask) {
  demand_.kept.clear();
  demand_.refused.clear();
  demand_.tied.clear();
  demand_.tied_refused = 0;
  demand_.possible = true;
  read_kept(scores, mask);
  const std::size_t k = std::min(k_, keys_.size());
  if (demand_.kept.size() > k) {
    demand_.possible = false;
  } else if (demand_.kept.size() < k) {
    read_refused(k - demand_.kept.size());
  } else {
    demand_.possible = lowest_kept_ >= largest_below(left_.data(), left_.size(), highest_key);
  }
  if (!demand_.possible) {
    for (const auto& choice : demand_.kept) {
      if (keys_[choice.expert] == lowest_kept_) demand_.offending = choice.expert;
    }
  }
  return demand_;
}

}  // namespace pastonly::routing::hypotheses
