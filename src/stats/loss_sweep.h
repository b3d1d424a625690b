#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "stats/mean_difference.h"

namespace pastonly::stats {

/// Training runs that differ in nothing but their seed.
struct SweepArm {
  std::optional<std::uint64_t> chunk;  ///< tokens routed together; absent where the rule has none
  bool causal = false;                 ///< trained causally: the first such arm is the baseline
  std::vector<double> losses;          ///< final losses, one a seed
  std::optional<std::size_t> against = std::nullopt;  ///< index of a baseline of its own
};

/// How far an arm's loss lies below another's, over seeds.
struct SweepDrop {
  std::size_t arm = 0;      ///< index
  std::size_t against = 0;  ///< index
  MeanDifference drop;      ///< loss of `against` minus loss of `arm`
};

/// Every arm against its own baseline or else the first causal arm, and every arm of a smaller chunk against
/// the first of the largest; in order of arms, the baseline first. Arms without losses are left out.
std::vector<SweepDrop> sweep_drops(std::span<const SweepArm> arms, double alpha);

/// Rank correlation of chunk size and mean loss, Kendall's tau-b over the arms with a chunk: 1 where the loss
/// falls throughout as the chunk shrinks. nullopt with fewer than three such arms.
std::optional<double> chunk_trend(std::span<const SweepArm> arms);

}  // namespace pastonly::stats
