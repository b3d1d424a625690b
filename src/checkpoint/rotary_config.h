#pragma once

#include <cstddef>
#include <optional>

#include "checkpoint/rotary.h"
#include "input/text/object_reader.h"

namespace pastonly::checkpoint {

/// Reads rope_parameters, or rope_scaling and rope_theta of older configurations. `width` is what turns of a
/// head; `fallback` stands where the configuration says nothing. `part`: of families whose heads may turn in
/// part (partial_rotary_factor), the part that turns where the configuration says nothing; in all others
/// such a configuration is rejected. `by_alpha`: "dynamic" with an `alpha` stretches by that alone.
RotaryDescription read_rotary(input::ObjectReader& config, std::size_t width,
                              const RotaryDescription& fallback, std::optional<double> part = std::nullopt,
                              bool by_alpha = false);

/// Reads rope_parameters of the layers of one kind, KEY in it (Gemma 4).
RotaryDescription read_rotary_of(input::ObjectReader& config, std::string_view key, std::size_t width,
                                 const RotaryDescription& fallback);

/// 1, or what yarn multiplies q . k with on top of the usual scale (mscale_all_dim, DeepSeek).
double yarn_scale(input::ObjectReader& config);

}  // namespace pastonly::checkpoint
