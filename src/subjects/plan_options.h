#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pastonly/intervention.h"
#include "pastonly/layout.h"

namespace pastonly::subjects {

/// Which interventions a plan holds.
struct PlanOptions {
  struct Rows {
    bool all = false;
    std::vector<std::size_t> rows;
  };
  std::size_t repeats = 2;
  std::size_t redraws = 0;
  std::vector<std::size_t> cuts;  ///< empty = choose_cuts
  std::size_t cut_count = 4;
  std::vector<Rows> rows;  ///< of every cut; empty = single rows in turn, and all rows at once if so told
  std::size_t single_rows = 2;
  bool all_at_once = true;
  /// Of single rows; all rows at once are drawn once. No two cuts share a draw (`resample`), for futures that
  /// are nested in one another are no independent trials.
  std::size_t resamples = 2;
  /// Runs that redraw every row at once, each row from a cut of its own; in turn on every base. Together
  /// their cuts visit all positions as evenly as they can.
  std::size_t grouped = 0;
  std::vector<std::vector<std::size_t>> batch;
  bool order = true;  ///< sequences reversed
  std::vector<std::size_t> append;
  std::size_t shuffles = 0;
  std::vector<std::string> reroutes;
  /// Further bases, each drawn anew by subjects that can, with one repeat and the runs of `batch`.
  std::size_t more_bases = 0;
  std::size_t stream_tokens = 0;  ///< tokens to stream, about; 0 = no stream run
};

/// Ids from 0: base, repeats, redraws, suffixes (every cut x rows x resample), batch, order, length, shuffle,
/// reroute, stream: of at most 32 rows, evenly spread, every n-th position, n a prime, so that it meets every
/// place within chunks; then the further bases, and the grouped suffixes. `layout` without padding.
std::vector<Intervention> make_plan(const PlanOptions& options, const Layout& layout);

/// How many independent draws of futures a plan holds.
struct WantedTrials {
  std::uint64_t draws = 299;  ///< without a change they exclude a leak in more than 1% of draws, at 95%
  bool at_any_price = false;  ///< else as many as the suffix runs and the stream may cost: standard_cost
};
/// Token positions that the suffix runs and the stream of a standard plan cost together, at most, where
/// nobody asked for more.
std::uint64_t standard_cost(const Layout& layout);

/// What a live subject is asked first: single rows at cuts that leave no chunk width unseen, then every row
/// at once at cuts of its own until there are as many draws as wanted; every other sequence replaced, the
/// order reversed, one token and half a sequence more, two shuffles, a sample streamed (64 to 512 tokens, of
/// what the suffixes leave). `chance`: routing draws at random; then the base is redrawn as well.
PlanOptions standard_plan(const Layout& layout, bool chance, const WantedTrials& wanted = {});

}  // namespace pastonly::subjects
