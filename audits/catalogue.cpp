#include <algorithm>
#include <array>

#include "audits/checks.h"

namespace pastonly {

// The only list, in report order: what the trace is, what it could carry and under which rule, then
// interventions from the strongest to the mildest, then statistics, then upkeep.
std::span<const Check> all_checks() noexcept {
  static const std::array checks{
      trace_integrity_check, leakage_bound_check,    rule_identification_check, causal_mask_check,
      batch_isolation_check, order_invariance_check, length_invariance_check,   token_shuffle_check,
      chunk_sweep_check,     forced_causality_check, future_information_check,  source_floor_check,
      future_decoding_check, loss_anomaly_check,     forensic_sweep_check,      gate_separation_check,
      capacity_drops_check,  load_balance_check,
  };
  return checks;
}

const Check* find_check(std::string_view id) noexcept {
  const auto checks = all_checks();
  const auto found = std::ranges::find(checks, id, &Check::id);
  return found == checks.end() ? nullptr : &*found;
}

}  // namespace pastonly
