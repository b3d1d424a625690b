#pragma once

#include "routing/identify/capacity/admission_fit.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// How improbable a random draw of those kept makes an order that explains the runs: the sum over full
/// experts of log2 (wishes over C), in bits. Stops at bits_beyond_chance.
double bits_of_order(const RunSet& runs, const AdmissionFit& fit);
inline constexpr double bits_beyond_chance = 64.0;

}  // namespace pastonly::routing::hypotheses
