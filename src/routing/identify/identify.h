#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pastonly/outcome.h"
#include "pastonly/trace.h"
#include "routing/identify/shared/layer_run.h"
#include "routing/identify/shared/profile.h"

namespace pastonly::routing {

/// The decision at which a hypothesis failed, small enough to check by hand.
struct Counterexample {
  std::uint32_t run = 0;
  std::size_t row = 0;
  std::size_t position = 0;
  std::string message;  ///< "run 0 row 2 position 17: expert 5 (0.31) chosen over expert 2 (0.40)"
  Value details;        ///< object: experts, scores, thresholds, as far as they apply
};

/// A rule that was tried and does not explain the layer.
struct Rejection {
  std::string id;
  bool causal = false;               ///< what the rule would have been, given the scores
  std::optional<double> explained;   ///< share of tokens it does explain, where that was counted
  std::optional<Counterexample> at;  ///< nullopt where the failure has no single place
  std::string reason;                ///< where `at` is absent
};

struct Identification {
  LayerFacts::Rule rule;
  std::vector<Rejection> rejected;
  std::size_t tokens = 0;  ///< decisions looked at, over all runs
  /// Why the layer could not be judged at all (no scores, NaN, selection applied by us); "" if it was.
  std::string not_judged;
};

/// States of a layer what its candidates say, which stand with the simplest first: its id and parameters,
/// whether all agree on being causal, and the share explained.
void state_simplest(Identification& layer);

/// Which routing rules explain every decision of one layer in all of these runs
/// (docs/checks/rule-identification.md). Reads scores (else logits), the effective mask, recorded bias and
/// token ids; no files. Exact ties among scores may have been resolved either way. Runs of a layer without
/// ranking scores, or whose mask was derived from the scores, are not judged.
Identification identify(std::span<const LayerRun> runs);
/// The same with the runs' profiles, made beforehand in a pass that others share: one for each run, any for
/// runs without ranking scores.
Identification identify(std::span<const LayerRun> runs, std::vector<hypotheses::RunProfile> profiles);

}  // namespace pastonly::routing
