#pragma once

#include "pastonly/check.h"

namespace pastonly {

// Each defined in the file of its name; audits/catalogue.cpp lists them in report order.
extern const Check trace_integrity_check;
extern const Check leakage_bound_check;
extern const Check rule_identification_check;
extern const Check causal_mask_check;
extern const Check batch_isolation_check;
extern const Check order_invariance_check;
extern const Check length_invariance_check;
extern const Check token_shuffle_check;
extern const Check chunk_sweep_check;
extern const Check forced_causality_check;
extern const Check future_information_check;
extern const Check source_floor_check;
extern const Check future_decoding_check;
extern const Check gate_separation_check;
extern const Check capacity_drops_check;
extern const Check loss_anomaly_check;
extern const Check forensic_sweep_check;
extern const Check load_balance_check;

}  // namespace pastonly
