#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "comparison/run_comparison.h"
#include "comparison/suffix_runs.h"
#include "pastonly/outcome.h"
#include "pastonly/trace.h"

namespace pastonly::comparison {

/// One row of a suffix run whose past was compared with the base's.
struct ComparedRow {
  const RunComparison* compared = nullptr;
  ChangedRow changed_row;
  bool moved = false;  ///< something before the cut is not as in the base
};

/// A compared row that can show a leak: its future differs, and a token before it is routed.
struct Trial {
  ComparedRow of;
  std::size_t first_valid = 0;  ///< the first valid position of the row
  std::size_t end_valid = 0;    ///< one past its last
  std::size_t before = 0;       ///< valid tokens before the cut
};

/// What a set of compared rows is worth. A leak shows in each independent draw of a future with some
/// probability, so draws are counted, not rows: equal draws of one sequence are one, and so is a draw that is
/// cut at several places (of the same `resample`, or equal over at least nested_tokens tokens to the end).
/// Where tokens are not recorded, base, row, cut and resample tell draws apart. Sequences are told apart by
/// their tokens.
struct Trials {
  std::vector<Trial> rows;  ///< in the order given
  std::uint64_t draws = 0, draws_moved = 0;
  std::uint64_t sequences = 0, sequences_moved = 0;
  std::vector<DetectionLimit::LeftOut> left_out;  ///< runs and rows that are no trial, by reason
};

/// Futures that agree over so many tokens are taken for one draw.
inline constexpr std::size_t nested_tokens = 8;

Trials count_trials(std::span<const ComparedRow> rows);

/// Visits the tokens of a trial that were redrawn: those at or after its cut, valid in both runs, that differ
/// (all of them where no tokens are recorded).
template <class Visit>
void each_redrawn(const Trial& trial, Visit visit) {
  const Trace &base = trial.of.compared->reference->base, &run = trial.of.compared->trace;
  for (std::size_t position = trial.of.changed_row.cut; position < base.layout.positions; ++position) {
    const std::size_t token = base.layout.token(trial.of.changed_row.row, position);
    const bool known = !base.tokens.empty() && !run.tokens.empty();
    if (known && base.tokens[token] == run.tokens[token]) continue;
    if (base.is_valid(token) && run.is_valid(token)) visit(token);
  }
}

/// Whether some layer of the base routes a valid token of a row before `cut`; of a model without routed
/// layers, whether it says how likely one is.
bool routes_before(const Trace& base, std::size_t row, std::size_t cut);

}  // namespace pastonly::comparison
