#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pastonly/error.h"
#include "pastonly/policy.h"
#include "pastonly/report.h"
#include "pastonly/trace.h"
#include "pastonly/watch.h"

namespace pastonly::run {

/// Holds two recordings of the same tokens against each other (docs/checks/same-routes.md) and judges:
/// same-routes alone runs. Traces are called "the first" and "the second". The caller fills in Report::run,
/// the files, and subject.options. Errors of comparison::align.
Expected<Report> compare(const Trace& first, const Trace& second, const Policy& policy, std::uint64_t seed,
                         std::string_view today, const Watch& watch = {});

}  // namespace pastonly::run
