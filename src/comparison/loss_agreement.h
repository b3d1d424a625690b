#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "comparison/alignment.h"
#include "pastonly/outcome.h"
#include "pastonly/trace.h"

namespace pastonly::comparison {

/// How two recordings' log-probabilities of the same tokens compare.
struct LossAgreement {
  Measurement distance;  ///< mean |difference| of ln p, nats per token; interval: bootstrap over sequences
  Measurement change;    ///< mean loss of the second less the first's, bits per token; likewise
  std::uint64_t not_finite = 0;       ///< tokens within rows for which one or both have no finite number
  double tolerance = 0.0;             ///< of the distance: rounding of the stated types of computation, nats
  std::size_t first = 0, second = 0;  ///< the token that differs most, of each, batch-major
};

/// nullopt where either records none, or no token has both.
std::optional<LossAgreement> loss_agreement(const Trace& first, const Trace& second,
                                            const Alignment& alignment, double alpha, std::uint64_t seed);

}  // namespace pastonly::comparison
