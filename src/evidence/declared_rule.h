#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "evidence/recorded_run.h"

namespace pastonly::evidence {

/// The rule that the producer declares, applied to the recorded scores of one layer.
struct DeclaredRule {
  std::string text;  ///< "fixed-capacity,capacity=8"
  std::string id;
  std::string ranking;         ///< what it ranked, where that is not the recorded value (apply_ranking)
  bool recorded_bias = false;  ///< with the bias recorded in each run
  std::size_t tokens = 0;      ///< of the runs it was applied to
  std::size_t unlike = 0;      ///< of these, decided otherwise
  std::size_t rounding = 0;    ///< tokens that the rule itself decides otherwise once scores are rounded anew
  std::string example;         ///< the first token decided otherwise

  double explained() const noexcept {
    return tokens == 0 ? 1.0 : 1.0 - static_cast<double>(unlike) / static_cast<double>(tokens);
  }
  /// More tokens were decided otherwise than the rounding of the recorded scores accounts for, twice over.
  bool broken() const noexcept { return unlike > 2 * rounding; }
};

/// nullopt where nothing is declared, the rule cannot be made, it leaves decisions to chance, to a kernel or
/// to an iteration (routing/loosely_fitted.h), no scores were kept, or the runs are too large to be decided
/// again.
std::optional<DeclaredRule> try_declared_rule(const std::vector<RecordedRun>& runs, std::size_t base,
                                              LayerIndex layer);

}  // namespace pastonly::evidence
