#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "pastonly/policy.h"
#include "sweep_power/rows.h"

namespace pastonly::sweep_power {

/// What the sweep says of a model.
struct Swept {
  double limit = std::numeric_limits<double>::infinity();  ///< sweep_limit, where one is stated
  bool found = false;      ///< at the policy's alpha, and more than its limits.sweep_bits
  bool suspected = false;  ///< at the policy's alpha, and perhaps more
};

struct Audited {
  /// Bits per token that the loss under the rule of training lies below the source's own, and the lower end
  /// of its interval: 95%, one-sided.
  double leak = 0.0, surely = 0.0;
  Swept same, other;  ///< in batches of the shape of training, and of another
};

/// Trains a small model and audits it as a checkpoint that declares top-k, after each of some ascending
/// numbers of steps: (lengths). Ends the program where something cannot be done.
std::vector<Audited> train_and_audit(const Row& row, std::span<const std::size_t> lengths, std::uint64_t seed,
                                     const Policy& policy);

}  // namespace pastonly::sweep_power
