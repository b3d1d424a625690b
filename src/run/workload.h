#pragma once

#include <cstddef>
#include <vector>

#include "pastonly/check.h"
#include "pastonly/policy.h"
#include "pastonly/subject.h"
#include "pastonly/trace.h"

namespace pastonly::run {

/// The most runs beyond its plan that these checks may ask of a live subject; `batch`: its plan's.
std::size_t runs_beyond_plan(const std::vector<const Check*>& checks, const Subject& subject,
                             const Policy& policy, const Layout& batch);

/// The work of the plan, then of each check, as evidence::WorkMeter counts it; `base`: the plan's first run.
std::vector<double> work_of(const std::vector<const Check*>& checks, const Subject& subject,
                            const Policy& policy, const Trace& base);

}  // namespace pastonly::run
