#pragma once

#include <span>

#include "pastonly/value.h"

namespace pastonly::routing {

/// An array of numbers as a parameter's value.
inline Value::Array to_array(std::span<const float> numbers) {
  Value::Array array;
  array.reserve(numbers.size());
  for (const float number : numbers) array.emplace_back(static_cast<double>(number));
  return array;
}

}  // namespace pastonly::routing
