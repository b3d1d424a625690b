#pragma once

#include "pastonly/check.h"

/// The only list of checks, in report order: what the trace is, what it could carry and under which rule,
/// then interventions from the strongest to the mildest, then statistics, then upkeep. Each is defined in the
/// file of its name.
#define PASTONLY_CHECKS(X) \
  X(trace_integrity)       \
  X(leakage_bound)         \
  X(rule_identification)   \
  X(causal_mask)           \
  X(batch_isolation)       \
  X(order_invariance)      \
  X(length_invariance)     \
  X(token_shuffle)         \
  X(chunk_sweep)           \
  X(forced_causality)      \
  X(future_information)    \
  X(source_floor)          \
  X(future_decoding)       \
  X(loss_anomaly)          \
  X(forensic_sweep)        \
  X(gate_separation)       \
  X(capacity_drops)        \
  X(load_balance)          \
  X(specialisation)        \
  X(expert_prefetch)       \
  X(intervention_impact)   \
  X(router_geometry)       \
  X(expert_coupling)       \
  X(same_routes)

namespace pastonly::audits {

#define PASTONLY_DECLARE_CHECK(name) extern const Check name##_check;
PASTONLY_CHECKS(PASTONLY_DECLARE_CHECK)
#undef PASTONLY_DECLARE_CHECK

}  // namespace pastonly::audits
