#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/report.h"
#include "run/baseline.h"
#include "run/verify.h"

namespace pastonly::session {

/// An earlier JSON report that is accepted. Input errors besides those of read_report: one of configurations
/// or of an experiment, and one with more findings than anybody looked at (10,000).
Expected<run::EarlierReport> read_baseline(const std::string& path);

/// Holds what a report states of its baseline against the file, where that is at hand: nothing without a
/// baseline. Where the file is missing or another by now, the statement says so and holds: the verdict then
/// rests on what the report states of it.
std::vector<run::Statement> hold_baseline(const Report& stated);

}  // namespace pastonly::session
