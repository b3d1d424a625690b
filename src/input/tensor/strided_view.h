#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace pastonly::input {

using Dimensions = std::vector<std::size_t>;

/// Whether a view of such strides (in elements) has its elements one behind the other in C order.
bool lies_in_order(const Dimensions& shape, const Dimensions& stride) noexcept;

/// The elements from the first that a view uses to behind its last; 0 for an empty view. nullopt on overflow.
std::optional<std::size_t> reach(const Dimensions& shape, const Dimensions& stride) noexcept;

/// The elements of a view in C order, `width` bytes each. Requires that `from` holds what the view reaches.
std::vector<std::byte> gather(std::span<const std::byte> from, const Dimensions& shape,
                              const Dimensions& stride, std::size_t width);

}  // namespace pastonly::input
