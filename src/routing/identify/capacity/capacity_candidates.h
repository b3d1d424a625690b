#pragma once

#include <cstddef>

#include "routing/identify/capacity/admission_fit.h"
#include "routing/identify/shared/findings.h"

namespace pastonly::routing::hypotheses {

/// A fit, and the largest k that fits as well.
struct OpenFit {
  AdmissionFit fit;
  std::size_t most_k = 0;
};

/// Accepts the rules that admit in this order, those not accepted yet.
void accept_admission(const RunSet& runs, const OpenFit& open, Findings& findings);

}  // namespace pastonly::routing::hypotheses
