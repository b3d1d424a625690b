#pragma once

#include <cstddef>
#include <map>
#include <optional>

#include "pastonly/value.h"

namespace pastonly::routing::hypotheses {

/// Tokens that an expert takes of a chunk, by the chunk's size.
using Capacities = std::map<std::size_t, std::size_t>;

/// C where one serves chunks of every size.
std::optional<std::size_t> common_capacity(const Capacities& capacity);
/// k where C = max(1, floor(k w / N)) for every size w: a whole number if one serves.
std::optional<double> common_k(const Capacities& capacity, std::size_t experts);
/// The key capacity, or k, or capacities.
void write_capacity(const Capacities& capacity, std::size_t experts, Value::Object& parameters);

}  // namespace pastonly::routing::hypotheses
