#pragma once

#include "comparison/token_places.h"
#include "pastonly/trace.h"

namespace pastonly::comparison {

/// Where rows of the first stand in the second, by their token ids; both must record them. Rows are laid upon
/// rows, the surest first: those that are equal throughout, then the longest overlaps, of at least half of
/// the shorter row and with every id equal. No token is taken twice. `decided`: rows are made of the tokens
/// alone that a recording decides, for some say of no token whether it is padding; else of all real ones.
TokenPlaces find_rows(const Trace& first, const Trace& second, bool decided);

}  // namespace pastonly::comparison
