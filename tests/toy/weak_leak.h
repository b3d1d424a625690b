#pragma once

#include <cstdint>

#include "pastonly/trace.h"
#include "toy/model.h"
#include "toy/recipe.h"

namespace pastonly::toy {

/// Moves a token's weakest chosen expert at few decisions, as the recipe says:
/// - swap: with the given probability, drawn from a digest of all later tokens of the row, to the best
///   expert not chosen. Each later change draws anew, so a suffix flips a token before the cut with
///   probability 2 p (1 - p).
/// - next-token: at a share p of the places, to expert (next token mod experts).
/// - batch: as swap, from a digest of all other rows.
void plant(const ModelRecipe::WeakLeak& leak, std::uint64_t seed, const Batch& batch,
           TraceData::Layer& layer);

}  // namespace pastonly::toy
