#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pastonly/outcome.h"
#include "pastonly/trace.h"

namespace pastonly::losses {

/// Losses of the same tokens under two kinds of run, paired token by token, by sequence. A token counts where
/// it is valid in the base and both runs give it a finite log-probability.
class PairedLoss {
 public:
  /// Sequences of another batch than those added before. `runs` are averaged. False where log-probabilities
  /// are missing or layouts differ; nothing is added then.
  bool add(const Trace& base, std::span<const Trace> runs);

  bool empty() const noexcept;
  /// Mean of (loss in the runs - loss in the base), bits per token, with a bootstrap interval over sequences.
  /// Requires !empty().
  Measurement difference(std::string name, double alpha, std::uint64_t seed) const;
  /// Means over the same tokens, bits per token.
  Measurement base(std::string name, double alpha, std::uint64_t seed) const;
  Measurement runs(std::string name, double alpha, std::uint64_t seed) const;

 private:
  std::vector<double> base_, runs_, tokens_;  // (sequences) sums of bits; counts
};

/// The same for one batch. nullopt where nothing can be paired.
std::optional<Measurement> paired_loss(std::string name, const Trace& base, std::span<const Trace> runs,
                                       double alpha, std::uint64_t seed);

/// "0.293 [0.279, 0.308]", or the value alone where it has no interval.
std::string with_interval(const Measurement& figure);

}  // namespace pastonly::losses
