#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "stats/interval.h"

namespace pastonly::stats {

struct BootstrapOptions {
  double alpha = 0.05;
  std::size_t resamples = 2000;
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
};

/// Interval of the ratio sum(sums) / sum(weights) over resampled units (sequences, say: their sums of
/// differences and their token counts), bias-corrected and accelerated (Efron 1987). For paired runs
/// pass sums of paired differences. Units with weight 0 or a non-finite value are left out. Fewer than
/// two units have no interval. With few units it is too narrow, as every bootstrap: at 8 units of
/// normal noise 95% covers about 88%.
std::optional<Interval> bootstrap_ratio(std::span<const double> sums, std::span<const double> weights,
                                        const BootstrapOptions& options = {});

}  // namespace pastonly::stats
