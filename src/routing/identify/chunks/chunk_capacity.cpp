#include "routing/identify/chunks/chunk_capacity.h"

#include <algorithm>
#include <cmath>

#include "routing/identify/shared/candidate_parameters.h"

namespace pastonly::routing::hypotheses {

std::optional<std::size_t> common_capacity(const Capacities& capacity) {
  std::size_t most = 0;
  for (const auto& [size, tokens] : capacity) most = std::max(most, tokens);
  const bool common =
      std::ranges::all_of(capacity, [&](const auto& one) { return one.second == std::min(most, one.first); });
  return common ? std::optional(most) : std::nullopt;
}

std::optional<double> common_k(const Capacities& capacity, std::size_t experts) {
  double least = 0.0, below = static_cast<double>(experts) + 1.0;
  for (const auto& [size, tokens] : capacity) {
    const double per_slot = static_cast<double>(experts) / static_cast<double>(size);
    if (tokens > 1) least = std::max(least, static_cast<double>(tokens) * per_slot);
    below = std::min(below, static_cast<double>(tokens + 1) * per_slot);
  }
  if (!(least < below)) return std::nullopt;
  const double whole = std::ceil(least);
  if (whole < below && whole >= 1.0) return whole;
  return least > 0.0 ? std::optional(least) : std::nullopt;
}

void write_capacity(const Capacities& capacity, std::size_t experts, Value::Object& parameters) {
  if (const auto common = common_capacity(capacity)) {
    parameters.emplace_back("capacity", *common);
  } else if (const auto k = common_k(capacity, experts)) {
    parameters.emplace_back("k", *k == std::floor(*k) ? Value(static_cast<std::int64_t>(*k)) : Value(*k));
  } else {
    parameters.emplace_back("capacities", capacity_list(capacity));
  }
}

}  // namespace pastonly::routing::hypotheses
