#pragma once

#include <tbb/parallel_for.h>

#include <cstddef>

namespace pastonly::stats {

/// Runs body(i) for i in [0, count), on as many threads as the enclosing arena allows (`--threads`).
/// Each index writes its own results and nothing else, so outcomes do not depend on the schedule.
template <class Body>
void parallel_for(std::size_t count, Body&& body) {
  tbb::parallel_for(std::size_t{0}, count, [&](std::size_t i) { body(i); });
}

}  // namespace pastonly::stats
