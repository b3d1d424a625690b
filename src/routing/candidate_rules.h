#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "pastonly/layout.h"

namespace pastonly::routing {

/// Rules that depend on later tokens and that a model with `k` of `experts` experts per token may have been
/// trained under, as parse_rule reads them: expert choice by chunk size, and expert choice, the rules that
/// drop what scores lowest, those that share a budget and those that balance, over the batch and over each
/// sequence; capacities by rank, over the batch; expert choice by document, for each of the `separators`.
/// Every one depends on the future in a batch of this layout. Chunks: powers of two in which every expert
/// gets a token. `fine`: three times a power of two as well, capacities with a quarter to spare, any number
/// of ranks (else two).
std::vector<std::string> candidate_rules(const Layout& layout, std::size_t experts, std::int64_t k,
                                         std::span<const std::int64_t> separators, bool fine);

}  // namespace pastonly::routing
