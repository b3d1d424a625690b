#pragma once

#include <cstddef>

namespace pastonly::kernels {

/// Rotary positions (Su et al. 2021) of `heads` heads in place, the next one `head_width` further on: in
/// each, element i < half turns with element i + half by the angle whose cosine and sine (half) are given.
/// `backward` turns the other way. One product of each sum is rounded, then both are added and rounded once.
template <class Real>
void turn_halves(Real* row, std::size_t heads, std::size_t head_width, std::size_t half, const Real* cosines,
                 const Real* sines, bool backward = false);
/// The same of pairs: element 2 i turns with 2 i + 1. Not vectorised: few checkpoints have it.
void turn_pairs(float* head, std::size_t half, const float* cosines, const float* sines);

}  // namespace pastonly::kernels
