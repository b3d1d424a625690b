#pragma once

#include <string>

#include "pastonly/report.h"

namespace pastonly::report {

// Figures of losses, each with its table; "" where the report holds none.

/// In order, shuffled, streamed and under other rules, and what the forensic sweep tried.
std::string html_losses(const Report& report);
/// An experiment's arms: where their losses end, how they came there, and what lies below the source.
std::string html_experiment(const Report& report);

}  // namespace pastonly::report
