#pragma once

#include <cstdint>
#include <vector>

namespace pastonly {

/// What the trials of an audit looked at: which decisions, and how far before the tokens that were redrawn.
/// A leak elsewhere is not excluded. Positions count from 0; a row's length leaves out what is padding in
/// every row.
struct Coverage {
  std::uint64_t length = 0;                         ///< positions of the longest row
  std::uint64_t least_cut = 0, most_cut = 0;        ///< the first redrawn token of a trial
  std::uint64_t least_before = 0, most_before = 0;  ///< valid tokens before the cut of a trial
  std::uint64_t farthest = 0;  ///< the largest distance from a compared decision to a redrawn token
  double positions = 0.0;      ///< share of the positions but the last at which decisions were compared
  double next_token = 0.0;     ///< share of them at which the very next token was redrawn
  /// Share of all pairs of a position and a later one of which the first was compared while the second was
  /// redrawn.
  double pairs = 0.0;
  /// Different token ids that stood before a cut, and that were redrawn (in the base or in the run). A leak
  /// that needs another token stays unseen. 0 where no tokens are recorded.
  std::uint64_t ids_before = 0, ids_redrawn = 0;
  /// Ids that the subject calls special (beginning, end, padding), and how many of them stood so.
  std::uint64_t special = 0, special_before = 0, special_redrawn = 0;
  /// The same share as `pairs` by where the decision stands (eighths of the row) and by its distance to the
  /// redrawn token (1, 2 to 3, 4 to 7, ...). -1 where the row holds no such pair.
  std::vector<std::vector<double>> map = {};  // (bands of positions, bands of distances)
  friend bool operator==(const Coverage&, const Coverage&) = default;
};

}  // namespace pastonly
