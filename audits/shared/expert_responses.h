#pragma once

#include <cstdint>
#include <functional>

#include "audits/shared/seen_router.h"
#include "kernels/buffer.h"
#include "pastonly/error.h"

namespace pastonly::audits {

/// How strongly every expert answers every router row, (rows i, experts j), biases left out where not said.
struct ExpertResponses {
  using Norms = kernels::Matrix<double>;
  Norms gate;        ///< |W_g^j R_i|, R_i as the stream sees it (seen_router.h): M of expert-router coupling
  Norms noisy_gate;  ///< |W_g^j R~_i|, with the noise of routing/coupling.h
  Norms up;          ///< |W_p^j R_i|
  // For the normalised token that row i asks for most, of length sqrt(d) along R_i: as the expert computes
  // it, with shift and biases. A factor to R_i changes nothing.
  Norms act;     ///< after SwiGLU
  Norms output;  ///< after the down projection
};

/// Reads every expert once, experts in parallel, part by part: memory is a few (2 N, h) and (2 N, d) a
/// thread. About 8 N^2 h d multiplications. Interrupted where `stop` says so; `done` is told after every
/// expert, from several threads.
Expected<ExpertResponses> expert_responses(const Weights& weights, std::size_t position,
                                           const SeenRouter& router, std::uint64_t seed,
                                           const std::function<bool()>& stop,
                                           const std::function<void()>& done);

}  // namespace pastonly::audits
