#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "pastonly/layout.h"

/// The parameters whose declared dependence is put to the test, each on every layout below.
std::span<const std::string_view> dependence_rules();
std::span<const pastonly::Layout> dependence_layouts();
inline constexpr std::size_t grid_experts = 4;
