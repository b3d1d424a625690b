#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pastonly/value.h"

namespace pastonly {

/// One change to a base batch, or to the rule: a run of a plan (docs/formats.md). Of live subjects alone:
/// company, where every token competes with the tokens of another batch. What routing leaves to chance is
/// drawn in every run as in its base, if the producer can hold that; a redraw repeats the base with other
/// draws.
struct Intervention {
  enum class Kind {
    base,
    repeat,
    redraw,
    suffix,
    batch,
    order,
    length,
    shuffle,
    reroute,
    stream,
    foreign_batch
  };

  std::uint32_t id = 0;
  Kind kind = Kind::base;
  std::optional<std::uint32_t> base;  ///< the run it changes; absent for a base
  std::size_t cut = 0;                ///< suffix: positions >= cut are redrawn; 0 where `cuts` says it
  bool all_rows = false;              ///< suffix, stream: in every sequence (suffix: at once)
  std::vector<std::size_t> rows;      ///< suffix, stream: in these sequences, ascending
  std::vector<std::size_t> cuts;      ///< suffix: rows[i] is redrawn from cuts[i] on; empty = all from `cut`
  std::uint32_t resample = 0;         ///< suffix: which independent draw
  std::vector<std::size_t> keep;      ///< batch: the sequences left as they were, ascending
  std::vector<std::size_t> permutation;  ///< order: row i of the output is this row of the base
  std::size_t append = 0;                ///< length: tokens appended to every sequence
  std::uint64_t seed = 0;                ///< redraw, shuffle, company
  std::string rule;  ///< reroute, company (there "" = the layers' own): "id,key=value,..."
  /// stream: positions every - 1, 2 every - 1, ... of each row are run, every one alone with the row's
  /// tokens up to it and nothing else; the others are marked as padding. At least 1.
  std::size_t every = 1;
  friend bool operator==(const Intervention&, const Intervention&) = default;
};

std::string_view name(Intervention::Kind kind) noexcept;

/// Suffix: the position from which a row is redrawn; nothing where the run leaves the row as it was.
std::optional<std::size_t> cut_of(const Intervention& suffix, std::size_t row) noexcept;

}  // namespace pastonly
