#pragma once

#include <cstdint>
#include <optional>

#include "pastonly/trace.h"
#include "replay/replay_rule.h"

namespace pastonly::replay {

/// Each token's selection with only the tokens up to it visible, against what was recorded. "Up to it" is in
/// the order in which tokens compete: earlier sequences of a flattened batch are visible in full.
/// How it is selected then is the rule's streaming form in the table of rules; expert choice keeps it if it
/// ranks in the top ceil(R n) of the n tokens of its chunk seen so far. Rules that do not depend on later
/// tokens at equal length: no change, without looking. Rules that are applied again: for a few tokens.
/// At most about `budget` scores are read, but where reads_whole; where that is less than all, `sampled` is
/// set. nullopt where the rule is drawn by chance or cannot be applied so.
std::optional<FlipCount> streaming_change(const Trace& trace, const LayerRecord& layer,
                                          const ReplayRule& rule, std::size_t budget, std::uint64_t seed);

/// Whether the budget cannot keep a layer small: a capacity shared by the batch, or a chunk that alone
/// exceeds it.
bool reads_whole(const ReplayRule& rule, std::size_t budget);

}  // namespace pastonly::replay
