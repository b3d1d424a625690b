#pragma once

#include <cstdint>
#include <optional>

#include "pastonly/trace.h"
#include "replay/replay_rule.h"

namespace pastonly::replay {

/// How the recorded decisions move when the rule is applied again after a random permutation of all tokens of
/// the batch, before chunking. Reads at most about `budget` scores: of a rule with chunks, some shuffled
/// chunks; of others the whole batch where it fits, else a batch made of a random part of it, with the
/// capacity in proportion. nullopt where the rule cannot be applied again.
std::optional<FlipCount> shuffled(const Trace& trace, const LayerRecord& layer, const ReplayRule& rule,
                                  std::size_t budget, std::uint64_t seed);

/// The same with tokens in order and `chunk` of them competing at a time instead of rule.width. Stretches of
/// consecutive tokens are sampled within the budget.
std::optional<FlipCount> rechunked(const Trace& trace, const LayerRecord& layer, const ReplayRule& rule,
                                   std::size_t chunk, std::size_t budget, std::uint64_t seed);

}  // namespace pastonly::replay
