#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pastonly::stats {

/// Yes-or-no decisions, 64 to a word, the first one in the lowest bit.
using DecisionBits = std::vector<std::uint64_t>;

/// How unlike the others each member is, in its first `bits` decisions: the sum over decisions of -log2 of
/// how often the other members decided so, (count + 1/2) / (others + 1). Decisions on which all agree add the
/// same to everyone and are left out. The function treats all members alike, so that ranks of its values are
/// exchangeable where the members are. Where decisions are drawn anew in every run this tells an improbable
/// decision from a probable one, which a count of differences from one run cannot. Time: members x decisions
/// that are not no for all.
std::vector<double> strangeness(std::span<const DecisionBits* const> members, std::size_t bits);

}  // namespace pastonly::stats
