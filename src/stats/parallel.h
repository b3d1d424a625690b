#pragma once

#include <tbb/parallel_for.h>

#include <cstddef>

#include "stats/loop_order.h"

namespace pastonly::stats {

/// Runs body(i) for i in [0, count), on as many threads as the enclosing arena allows (`--threads`).
/// Each index writes its own results and nothing else, so outcomes do not depend on the schedule (.ci/threads
/// looks for races).
template <class Body>
void parallel_for(std::size_t count, Body&& body) {
  LoopOrder order;
  tbb::parallel_for(std::size_t{0}, count, [&](std::size_t i) {
    [[maybe_unused]] const LoopOrder::Iteration iteration(order);
    body(i);
  });
}

}  // namespace pastonly::stats
