#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "comparison/difference.h"
#include "pastonly/outcome.h"
#include "pastonly/trace.h"

namespace pastonly::comparison {

/// One layer's changes summed over runs, and where they came from.
struct LayerTally {
  std::size_t tokens = 0, decisions = 0, routes = 0;
  std::size_t flips = 0, rounding_flips = 0;
  std::size_t scores_moved = 0, scores_rounded = 0, gates_moved = 0;
  double largest_score = 0.0;
  bool changed = false;
  bool selection = false;  ///< in some run decisions changed here first, with unchanged scores
  bool later_selection =
      false;              ///< after an earlier layer had changed, decisions changed at unchanged scores
  bool gate = false;      ///< in some run gates alone changed here first, at unchanged scores and decisions
  bool scoring = false;   ///< in some run scores changed here although no earlier layer had changed
  bool unscored = false;  ///< changes seen first here, and no scores to tell by
  bool contaminated = false;                     ///< scores changed after an earlier layer had
  std::vector<double> run_flips, run_decisions;  // (runs)
};

struct Tally {
  std::vector<LayerTally> layers;  // (layers)
  std::size_t log_probs = 0, log_probs_moved = 0;
  double largest_log_prob = 0.0;
  std::size_t runs = 0, runs_changed = 0;

  void add(const Difference& difference);
  std::size_t flips() const noexcept;
  std::size_t decisions() const noexcept;  ///< mask entries looked at
  std::size_t rounding_flips() const noexcept;
  /// Floats that moved within tolerance, at any layer: tokens summed over runs.
  std::size_t scores_rounded() const noexcept;
  bool changed() const noexcept { return runs_changed > 0; }
};

/// Per layer flip_rate_decisions (changed mask entries / all entries looked at, with a bootstrap interval
/// over runs), flip_rate_routes (changed / kept pairs), moved_scores (share of tokens), rounding_flips; then
/// moved_log_probs and largest_log_prob_change (nats) where recorded. `prefix` goes before every name.
std::vector<Measurement> measurements(const Tally& tally, const Trace& base, std::string_view prefix,
                                      double alpha, std::uint64_t seed);

/// The origin that the tally shows for one layer. `causal_given_scores` (the identified rule's verdict) keeps
/// a layer from being called a source for passing on, token to token, what reached it through scores.
LayerFacts::Origin origin(const LayerTally& layer, std::optional<bool> causal_given_scores);

}  // namespace pastonly::comparison
