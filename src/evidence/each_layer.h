#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstddef>

#include "evidence/observations.h"
#include "stats/parallel.h"

namespace pastonly::evidence {

/// stats::parallel_for over the layers that a check works on; the progress display follows.
template <class Body>
void for_each_layer(Observations& observations, std::size_t count, Body&& body) {
  std::atomic<std::size_t> done{0};
  stats::parallel_for(count, [&](std::size_t l) {
    body(l);
    observations.meter().did_share(1.0 / static_cast<double>(count),
                                   fmt::format("layer {} of {}", ++done, count));
  });
}

}  // namespace pastonly::evidence
