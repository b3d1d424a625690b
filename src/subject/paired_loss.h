#pragma once

#include <optional>
#include <span>
#include <string>

#include "pastonly/outcome.h"
#include "pastonly/trace.h"

namespace pastonly {

/// Mean negative log-probability in bits per token over valid tokens, column 0 aside. nullopt without any.
std::optional<double> loss_bits(const Trace& trace);

/// Mean over tokens of (loss in `runs` - loss in `base`), bits per token, paired token by token and averaged
/// over the runs, with a bootstrap interval over sequences. Runs must have the base's layout. nullopt where
/// log-probabilities are missing.
std::optional<Measurement> paired_loss(std::string name, const Trace& base, std::span<const Trace> runs,
                                       double alpha, std::uint64_t seed);

}  // namespace pastonly
