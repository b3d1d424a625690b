#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "stats/label_information.h"

namespace pastonly::stats {

/// How many values a prediction named, summed over the units of a group.
struct Hits {
  double table = 0.0;    ///< named by the table from labels
  double popular = 0.0;  ///< named by how often values occur, whatever the label
  double values = 0.0;   ///< there were
};

/// Values predicted for units that a table from labels to values has not seen: for a unit of c values the c
/// most frequent ones of its label; where they tie, or the label was never seen, the ones that are most
/// frequent at all. Groups of even number are predicted from the odd ones and the other way round; a single
/// group is split in the middle. One entry for each group.
std::vector<Hits> held_out_hits(const LabelledUnits& units);

}  // namespace pastonly::stats
