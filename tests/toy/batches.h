#pragma once

#include <vector>

#include "pastonly/error.h"
#include "pastonly/intervention.h"
#include "toy/model.h"
#include "toy/recipe.h"

namespace pastonly::toy {

/// The tokens of one run. Redrawn tokens are a function of (row, position, resample) alone, so suffixes
/// of equal resample are nested: cuts c and c + 1 differ in the token at c at most. (With `stay` > 0 the
/// draws follow their predecessor and are nested only in distribution.)
Expected<Batch> make_batch(const PlanRecipe& plan, const Intervention& run, std::uint64_t vocab,
                           TokenOrder order);

/// The interventions of a recipe, ids from 0: base, repeats, suffixes (every cut x rows x resample), batch,
/// order, length, shuffle, reroute.
std::vector<Intervention> make_interventions(const PlanRecipe& plan, TokenOrder order);

}  // namespace pastonly::toy
