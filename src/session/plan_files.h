#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/layout.h"
#include "pastonly/policy.h"
#include "pastonly/watch.h"

namespace pastonly::session {

/// What a plan is to be made for.
struct PlanRequest {
  std::string directory;
  std::uint64_t vocab = 0;
  Layout layout{8, 128};
  std::vector<std::int64_t> special;  ///< ids of beginning, end, padding and the like
  std::string tokens;                 ///< FORMAT:FILE; "" = drawn from the source, or uniformly
  std::optional<Source> source;
  double limit = 0.0;  ///< detection limit, a share of trials; 0 = 1%, if it costs no more
  bool noisy = false;  ///< the engine's runs differ by themselves
  std::uint64_t seed = 0;
};

struct PlanMade {
  std::size_t runs = 0, trials = 0;
  std::uint64_t tokens = 0;  ///< token positions over all runs
};

/// Writes plan.json and the input of every run (docs/formats.md): whoever has the model writes the outputs,
/// in any order. Does not ask whether to stop. Usage errors: the directory holds something, or as of the
/// tokens; input errors: it cannot be written.
Expected<PlanMade> write_plan_files(const PlanRequest& request, const Watch& watch = {});

}  // namespace pastonly::session
