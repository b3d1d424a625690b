#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "comparison/reference.h"
#include "comparison/run_comparison.h"
#include "evidence/observations.h"

namespace pastonly::comparison {

/// Whether changed runs differ from their base by more than runs do that changed nothing that matters.
///
/// One test for every layer and kind of change, run by run, at equal rows and positions
/// (matched_permutation.h), never by counting decisions: what one run shows may have one cause. Two sets of
/// controls:
/// - `neutral` regions: against them all flips and every movement of a score or gate count, whatever its
/// size.
///   No tolerance is needed, since rounding and chance move the neutral runs alike. Where these move for a
///   reason of their own, the test loses power and accuses nobody. Repeats join them only where neither shows
///   anything at all, for a repeat keeps the shapes of products, and with them the rounding.
/// - the repeats alone, where they show nothing themselves, or the batch is one row: against them only flips
///   count that a token's moved scores do not explain, and movements that no rounding makes, for what a run
///   changes also changes the shapes of products.
/// - the repeats run by run, where they show something and nothing is neutral: own flips and gross movements.
/// Each set's p-values are corrected over layers and kinds (Holm), and doubled where both sets are used.
/// Neutral regions that show more than repeats do, run by run, are moved by what was changed, and are no
/// controls.
struct NoiseTest {
  double p_value = 1.0;
  std::vector<double> layers;       // (layers) p-values as corrected
  std::vector<bool> repeats_quiet;  // (layers) no repeat shows a flip of its own, nor gross movement
  /// P-value of "the treated flip no more than the neutral", flips called rounding included.
  double flips_p_value = 1.0;
  bool tested = false;         ///< some set of controls could be held against the treated
  bool neutral_moved = false;  ///< neutral regions are moved by what was changed elsewhere
  bool controls_flip = false;  ///< some control shows a flip of its own
  bool controls_move = false;  ///< some control shows a score, gate or log-probability beyond tolerance
  bool treated_flip = false;   ///< some treated region shows a flip of its own
  bool treated_gross = false;  ///< some treated region shows a movement that no rounding makes
  /// Where the test rejects nothing though controls flip or move: the share of a layer's decisions before the
  /// cut that a leak would have to change to be found, measured by planting (stats/planted_effect.h), at the
  /// layer where that is hardest. nullopt elsewhere; 1 also where nothing would be found.
  std::optional<double> planted_share;
  std::size_t repeats = 0, neutral = 0;  ///< control regions: rows of repeats, and others
  std::size_t treated = 0;               ///< treated regions
  std::size_t showing = 0;  ///< of these the ones with a flip of their own or a movement beyond tolerance
  bool possible() const noexcept { return repeats + neutral > 0; }
  /// Controls show what the treated do. Flips that no moved score explains are of a kind of their own.
  bool controls_alike() const noexcept {
    return treated_flip ? controls_flip : controls_flip || controls_move;
  }
  /// Until the first layer that a repeat moves: later ones may only pass it on.
  bool quiet_up_to(std::size_t layer) const noexcept;
};

Expected<NoiseTest> test_noise(evidence::Observations& observations, References& references,
                               std::span<const RunRegions> treated, std::span<const RunRegions> neutral,
                               double alpha, std::uint64_t seed);

}  // namespace pastonly::comparison
