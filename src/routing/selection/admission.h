#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "routing/selection/top_k.h"

namespace pastonly::routing {

// Token choice with a capacity: who keeps the slots of an expert that more than `slots` tokens chose.
// All write the kept pairs to out.mask; padding takes no slot.

/// First come, first served: the tokens in order, each with all its choices, best first.
void admit_token_major(const Group& group, const Choices& choices, std::size_t slots, Routing& out);

/// Last come, first served: the same from the last token to the first.
void admit_latest(const Group& group, const Choices& choices, std::size_t slots, Routing& out);

/// First come, first served, where nobody is dropped while any expert has room: each token in order takes its
/// k best experts among those with a free slot; ties: lower expert. What was taken counts as selected.
void admit_next_free(const Group& group, std::size_t k, std::size_t slots, Routing& out);

/// Choice-major: all first choices take slots before any second, all second before any third. Tokens
/// are taken in the order `order` lists them (a permutation), or as they stand where it is empty.
void admit_choice_major(const Group& group, const Choices& choices, std::size_t slots,
                        std::span<const std::uint32_t> order, Routing& out);

/// Every expert keeps the `slots` tokens of largest priority among those that chose it; equal
/// priorities: lower token. priority: (tokens, choices.k), aligned with the choices.
void admit_by_priority(const Group& group, const Choices& choices, std::size_t slots,
                       std::span<const float> priority, Routing& out);

}  // namespace pastonly::routing
