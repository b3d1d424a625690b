#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/quantisation.h"
#include "checkpoint/weights.h"

namespace pastonly::checkpoint {

/// The first tensor in order of name that begins with `prefix` and stands for NaN or an infinity, its scales
/// applied, as "file: tensor 'x' times 'x_scale_inv' holds nan at element 17"; "" where there is none. Reads
/// all of them.
std::string find_non_finite(const Weights& weights, const Quantisation& quantisation,
                            std::string_view prefix);

/// Input error: a tensor, whether or not any token would reach it, holds what is not finite. Else what is odd
/// about them, a predicate each: tensors with matrices that hold nothing but zeros, as a broken export leaves
/// them. Reads all weights once, on all threads.
Expected<std::vector<std::string>> check_weights(const Weights& weights,
                                                 const Quantisation& quantisation = {});

}  // namespace pastonly::checkpoint
