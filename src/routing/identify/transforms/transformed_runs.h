#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "routing/identify/shared/layer_run.h"

namespace pastonly::routing::hypotheses {

/// What a rule may have ranked in place of the recorded values: the names that apply_ranking knows.
inline constexpr std::string_view as_softmax = "softmax";    ///< of the recorded logits
inline constexpr std::string_view as_sigmoid = "sigmoid";    ///< of the recorded logits
inline constexpr std::string_view as_bfloat16 = "bfloat16";  ///< the recorded values rounded
inline constexpr std::string_view as_float16 = "float16";

/// The transforms worth trying on these runs: probabilities where the recorded values are logits, coarser
/// types where they are float32 and not of that type already. Empty where the runs are too large to copy.
std::vector<std::string_view> usable_transforms(std::span<const LayerRun> runs);

/// Copies of runs with transformed scores in place of what was recorded. All else is borrowed.
class TransformedRuns {
 public:
  TransformedRuns(std::span<const LayerRun> runs, std::string_view transform);
  std::span<const LayerRun> runs() const noexcept { return runs_; }

 private:
  std::vector<std::vector<float>> scores_;  // (runs) (tokens, experts)
  std::vector<LayerRecord> layers_;         // (runs)
  std::vector<LayerRun> runs_;
};

}  // namespace pastonly::routing::hypotheses
