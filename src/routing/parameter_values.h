#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "pastonly/routing_rule.h"

namespace pastonly::routing {

/// An array of numbers as a parameter's value.
inline Value::Array to_array(std::span<const float> numbers) {
  Value::Array array;
  array.reserve(numbers.size());
  for (const float number : numbers) array.emplace_back(static_cast<double>(number));
  return array;
}

/// Experts per token, where a rule has such a parameter as a whole number.
inline std::optional<std::int64_t> top_k_of(const Parameters& parameters) {
  const Value* k = find(parameters, "k");
  return k != nullptr ? k->integer() : std::nullopt;
}

}  // namespace pastonly::routing
