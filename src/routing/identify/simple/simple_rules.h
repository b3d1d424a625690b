#pragma once

#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// One threshold per expert, the same in all runs: s_i > theta_i. Accepts `expert-threshold` and, with
/// one expert and 1/2 (or a logit of 0) as its threshold, `mixture-of-depths(predictor)`.
void try_threshold(const RunSet& runs, Findings& findings);

/// The same experts for the same token id, wherever it stands. Needs token ids, one number of experts
/// for every token and enough repeated ids to say anything.
void try_hash(const RunSet& runs, Findings& findings);

/// One expert per token and exactly T/N tokens per expert, which add up to more than chance would give:
/// balanced assignment. An auction ends short of the optimum, so no prices are asked for.
void try_assignment(const RunSet& runs, Findings& findings);

}  // namespace pastonly::routing::hypotheses
