#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kernels/block.h"

namespace pastonly::stats {

/// Points in a plane whose neighbours are neighbours: exact t-SNE (van der Maaten and Hinton 2008), started
/// from given points as is usual (Kobak and Berens 2019), so that nothing is drawn. Distances between far
/// groups mean nothing.
struct NeighbourMap {
  std::vector<double> points;  // (N, 2), their mean 0
  double divergence = 0.0;     ///< Kullback-Leibler, nats: what was minimised
  double start = 0.0;          ///< the same of the start
  double perplexity = 0.0;     ///< neighbours of a point, smoothly counted
};

struct NeighbourMapOptions {
  double perplexity = 30.0;  ///< (N - 1) / 3 at most
  std::size_t iterations = 1000;
};

/// `points` (N, width), `start` (N, 2), scaled here. Requires N >= 4. N^2 (iterations + 1) operations.
NeighbourMap neighbour_map(kernels::Block<const double> points, std::span<const double> start,
                           const NeighbourMapOptions& options = {});

}  // namespace pastonly::stats
