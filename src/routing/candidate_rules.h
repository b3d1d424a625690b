#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pastonly/layout.h"

namespace pastonly::routing {

/// Rules that depend on later tokens and that a model with `k` of `experts` experts per token may have been
/// trained under, as parse_rule reads them: expert choice by chunk size, and expert choice, the rules that
/// drop what scores lowest and those that balance, over the batch and over each sequence. Every one depends
/// on the future in a batch of this layout. Chunks: powers of two in which every expert gets a token. `fine`:
/// three times a power of two as well, and capacities with a quarter to spare.
std::vector<std::string> candidate_rules(const Layout& layout, std::size_t experts, std::int64_t k,
                                         bool fine);

}  // namespace pastonly::routing
