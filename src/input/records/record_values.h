#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "input/records/record_batch.h"
#include "input/tensor/pickle.h"

namespace pastonly::input {

bool is_integer(const Tensor& tensor) noexcept;
/// All elements of an integer tensor.
std::vector<std::int64_t> integers_of(const Tensor& tensor);
/// A list or tuple of whole numbers, or an integer tensor of rank 1; nullopt where it is something else.
std::optional<std::vector<std::int64_t>> whole_numbers(const PickleValue& value);
/// Routed experts as a pickle holds them: an integer tensor or array, or nested lists (tokens, layers,
/// choices). Input errors begin with `label`.
Expected<RoutedRows> rows_of_value(const PickleValue& value, const std::string& label);

}  // namespace pastonly::input
