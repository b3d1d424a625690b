#include "comparison/near_ties.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pastonly::comparison {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Half the distance of 1 to the next number.
double rounding_unit(const std::optional<DType>& compute) {
  switch (compute.value_or(DType::f32)) {
    case DType::bf16:
      return 0x1p-8;
    case DType::f16:
      return 0x1p-11;
    case DType::f64:
      return 0x1p-53;
    default:
      return 0x1p-24;
  }
}

/// Tokens that the noise is measured at.
constexpr std::uint64_t most_sampled = 1U << 14U;

/// A few roundings lie between a router's input and its scores.
constexpr double roundings = 4.0;

double quantile(std::vector<double> values, double share) {
  const auto at = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(at));
  return values[at];
}

}  // namespace

NearTies::NearTies(const Trace& a, const Trace& b, const LayerRecord& first, const LayerRecord& second,
                   std::uint64_t tokens)
    : every_(1 + tokens / most_sampled) {
  unit_ = roundings * std::max(rounding_unit(a.compute), rounding_unit(b.compute));
  sides_[0].bias = first.bias;
  sides_[1].bias = second.bias;
  if (first.scores && second.scores) {
    sides_[0].ranking = &*first.scores;
    sides_[1].ranking = &*second.scores;
  } else if (first.logits && second.logits) {
    sides_[0].ranking = &*first.logits;
    sides_[1].ranking = &*second.logits;
  } else if (first.ranking() != nullptr) {
    sides_[0].ranking = first.ranking();
  } else {
    sides_[1].ranking = second.ranking();
  }
}

void NearTies::Side::read(std::size_t token) {
  row = read_floats(*ranking, token, 1, scratch).row(0);
  heights.assign(row.begin(), row.end());
  if (bias.size() != heights.size()) return;
  for (std::size_t e = 0; e < heights.size(); ++e) heights[e] += static_cast<double>(bias[e]);
}

void NearTies::agree(std::size_t token, std::size_t other, std::span<const std::uint8_t> mask) {
  const bool both = sides_[0].ranking != nullptr && sides_[1].ranking != nullptr;
  if (!both || seen_++ % every_ != 0) return;
  sides_[0].read(token);
  sides_[1].read(other);
  const auto& heights = sides_[0].heights;
  std::size_t taken = mask.size(), left = mask.size();
  for (std::size_t e = 0; e < mask.size(); ++e) {
    if (mask[e] != 0 && (taken == mask.size() || heights[e] < heights[taken])) taken = e;
    if (mask[e] == 0 && (left == mask.size() || heights[e] > heights[left])) left = e;
  }
  if (taken == mask.size() || left == mask.size()) return;
  // Of scores alone: a bias that one side lacks is no noise.
  const double distance = heights[taken] - heights[left];
  const double movement = std::abs((sides_[0].score(taken) - sides_[0].score(left)) -
                                   (sides_[1].score(taken) - sides_[1].score(left)));
  if (!std::isfinite(distance) || !std::isfinite(movement)) return;
  distances_.push_back(std::abs(distance));
  movements_.push_back(movement);
}

double NearTies::exchanged(std::size_t token, std::size_t other, std::span<const std::uint8_t> mask,
                           std::span<const std::uint8_t> other_mask) {
  Side& side = sides_[sides_[0].ranking != nullptr ? 0 : 1];
  if (side.ranking == nullptr) return infinity;
  side.read(&side == &sides_[0] ? token : other);
  double lowest = infinity, highest = -infinity;
  bool lost = false, won = false;
  for (std::size_t e = 0; e < mask.size(); ++e) {
    if (mask[e] == other_mask[e]) continue;
    if (!std::isfinite(side.heights[e])) return infinity;
    (mask[e] != 0 ? lost : won) = true;
    lowest = std::min(lowest, side.heights[e]);
    highest = std::max(highest, side.heights[e]);
    largest_ = std::max(largest_, std::abs(side.score(e)));
  }
  return lost && won ? highest - lowest : infinity;
}

std::optional<double> NearTies::noise() const {
  // Among many tokens some move further than nearly all do; measured, up to 1.3 times.
  constexpr double most = 0.99, further = 2.0, of_the_usual = 0.5;
  if (sides_[0].ranking == nullptr && sides_[1].ranking == nullptr) return std::nullopt;
  if (sides_[0].ranking == nullptr || sides_[1].ranking == nullptr) return unit_ * largest_;
  if (movements_.empty()) return std::nullopt;
  const double noise = further * quantile(movements_, most);
  if (noise >= of_the_usual * quantile(distances_, 0.5)) return std::nullopt;
  return noise;
}

}  // namespace pastonly::comparison
