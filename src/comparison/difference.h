#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/trace.h"

namespace pastonly::comparison {

/// Tokens that two runs have in common, with the same past: positions [0, positions) of a row.
struct Region {
  std::size_t base_row = 0;
  std::size_t run_row = 0;  ///< differs from base_row where sequences were reordered
  std::size_t positions = 0;
};

/// Beyond what a float counts as changed, absolute. How certain that is, other runs must say (noise_test.h).
struct Tolerance {
  double scores = 0.0;
  double gates = 0.0;
};

/// What the first positions of a row show in one layer of one run: sums over tokens, but for gates.
/// Comparable between runs at equal row and length.
struct UnitChange {
  double flips = 0.0;  ///< mask entries that differ, rounding included
  double own = 0.0;    ///< of these the ones that neither rounding nor the token's moved scores explain, nor
                       ///< an earlier layer's decision there or before
  double movement = 0.0;  ///< largest change of a score
  double gates = 0.0;   ///< largest change of a gate: mean over the tokens whose experts are the same, for a
                        ///< run with more flips has fewer of them
  double beyond = 0.0;  ///< tokens with a score or gate beyond tolerance
  double gross = 0.0;   ///< tokens with one that no rounding moves so far, nor an earlier layer's decision
};
/// By base row, ascending: up to which positions units are asked for.
using UnitLengths = std::vector<std::vector<std::size_t>>;
struct Tolerances {
  std::vector<Tolerance> layers;  // (layers)
  double log_probs = 0.0;
  double gross = 100.0;  ///< so many tolerances no rounding moves, however deep the model
};

/// One mask entry that differs.
struct Flip {
  std::size_t row = 0;  ///< of the base
  std::size_t run_row = 0;
  std::size_t position = 0;
  std::size_t expert = 0;
  bool after = false;         ///< chosen in the run; the base has the opposite
  bool scores_equal = false;  ///< the token's scores moved by no more than the tolerance
  double moved = 0.0;         ///< by how much the token's scores moved at most; infinite where one is NaN
  std::size_t region = 0;     ///< position among the regions compared
};

/// One float that differs beyond tolerance.
struct Drift {
  enum class What { scores, gates, log_probs, predictions } what = What::scores;
  std::size_t row = 0;
  std::size_t run_row = 0;
  std::size_t position = 0;
  std::size_t expert = 0;  ///< 0 for log-probabilities; which number of a prediction
  double before = 0.0;
  double after = 0.0;
};

/// What changed at one layer, over the tokens compared.
struct LayerDifference {
  std::size_t tokens = 0;          ///< looked at
  std::size_t decisions = 0;       ///< mask entries looked at: tokens x experts
  std::size_t routes = 0;          ///< (token, expert) pairs kept in the base among them
  std::size_t flips = 0;           ///< mask entries that differ and count
  std::size_t rounding_flips = 0;  ///< mask entries that differ within rounding
  std::size_t scores_moved = 0;    ///< tokens with a score beyond tolerance
  std::size_t scores_rounded = 0;  ///< tokens whose scores differ, all within tolerance
  std::size_t gates_moved = 0;     ///< tokens with a gate beyond tolerance at an expert kept in both runs
  std::size_t own_changes = 0;     ///< tokens whose scores did not move and whose decision (or gate) did
  bool scored = false;             ///< both runs recorded scores
  double largest_score = 0.0;      ///< largest difference of a score
  double largest_gate = 0.0;
  std::vector<Flip> first_flips;    ///< those that count, the first kept_flips in scan order
  std::vector<Drift> first_drifts;  ///< the first of each kind
  /// (regions, lengths of the region's row that it covers), where lengths were asked for.
  std::vector<std::vector<UnitChange>> units;

  static constexpr std::size_t kept_flips = 64;
  bool changed() const noexcept { return flips + scores_moved + gates_moved > 0; }
};

/// How a token moved, bits of Difference::moved_at.
struct MovedAt {
  static constexpr std::uint8_t decision = 1;  ///< a mask entry, rounding left out
  static constexpr std::uint8_t number =
      2;  ///< a score, gate, log-probability or prediction beyond tolerance
};

struct Difference {
  std::vector<LayerDifference> layers;  // (layers)
  std::size_t log_probs_moved = 0;      ///< positions with a log-probability or prediction beyond tolerance
  std::size_t log_probs = 0;            ///< looked at
  double largest_log_prob = 0.0;
  std::vector<Drift> first_drifts;  ///< of log-probabilities
  /// As LayerDifference::units; of log-probabilities only movement and gross.
  std::vector<std::vector<UnitChange>> log_prob_units;
  /// (regions, positions) at any layer, MovedAt; empty for a region where nothing moved.
  std::vector<std::vector<std::uint8_t>> moved_at;

  bool changed() const noexcept;
  std::size_t flips() const noexcept;
  std::size_t rounding_flips() const noexcept;
};

/// Compares the decisions of two runs on the regions, layer by layer. Padding in either run is left out.
///
/// A mask flip at a token whose scores are equal to the last bit counts, and so does one where a score moved
/// beyond the tolerance. Where scores moved within it, the flip counts if the boundary is farther than the
/// tolerance: it is rounding (1) if another expert of the token scores within it (with the recorded bias or
/// without), or (2) if the token exchanged two experts i and j and no other token contradicts a boundary of
/// s_i - s_j at this token's value (a constant bias shifts the boundary, so it is taken from the decisions
/// themselves; not where the bias is recorded, nor where 95% of the tokens simply take their best, nor where
/// there are more such exchanges than ties are to be expected). Where tokens have unlike numbers of experts,
/// so that they may compete for an expert's slots, it is rounding as well (3) if another token, unmoved too
/// and with a score for that expert within the tolerance, flipped the other way, or (4) if another token's
/// score for that expert is as close as what was seen to move; and flips of the same expert in the same layer
/// follow from a rounding flip. Its token and the later ones of its row are left out of later layers and
/// log-probabilities.
///
/// Without scores at a layer, flips there count if they are more than one in 100,000 decisions.
/// NaN equals NaN and differs from everything else by infinity.
/// `lengths`: fills in the units; empty = none are asked for.
/// Error: the runs differ in layers or experts (names both files).
Expected<Difference> compare(const Trace& base, const Trace& run, std::span<const Region> regions,
                             const Tolerances& tolerances, const UnitLengths& lengths = {});

}  // namespace pastonly::comparison
