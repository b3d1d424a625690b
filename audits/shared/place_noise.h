#pragma once

#include "comparison/run_comparison.h"
#include "evidence/observations.h"
#include "pastonly/error.h"

namespace pastonly::audits {

/// Whether runs that moved tokens to other places of the batch show noise that belongs to the place (dropout
/// or jitter under a fixed seed), not routing by place. Three things together say so: runs that redraw other
/// sequences leave every unchanged one as it was, flips and floats, so the batch's content does not matter
/// (nor, where tokens were appended, does what stands later in a token's own sequence, and a redraw shows
/// that there is chance at all); the first layer that changes does so through its scores, or every token
/// keeps its number of experts, so no slot was lost or won; and such runs exist.
Expected<bool> is_noise_by_place(evidence::Observations& observations, comparison::References& references,
                                 const comparison::RunComparisons& moved);

/// The rows that suffix and batch runs leave as they were, in full.
Expected<std::vector<comparison::RunRegions>> unchanged_rows(evidence::Observations& observations);

}  // namespace pastonly::audits
