#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pastonly/trace.h"

namespace pastonly::routing {

/// How a layer's decisions depart from plain top-k: from every valid token's k best experts by what was
/// recorded of it.
struct TopKDeparture {
  /// Sums over the valid tokens of one sequence.
  struct Sums {
    double routes = 0.0;    ///< (token, expert) pairs of the mask
    double rerouted = 0.0;  ///< of these, pairs that plain top-k would not make
    double asked = 0.0;     ///< k for each token
    double missing = 0.0;   ///< of these, what tokens with fewer than k experts lack
    double best = 0.0;      ///< scores of the k best
    double made = 0.0;      ///< scores of the routes
  };
  std::vector<Sums> by_row;            // (B)
  std::vector<std::uint8_t> departed;  // (B, S) 1: the token's experts are not its k best
  bool scored = true;                  ///< best and made are sums of finite numbers of which none is negative

  // What a capacity dropped: of tokens with fewer than k experts, the choices that the mask lacks. Choices
  // are the k best of score plus recorded bias.
  bool drops_known = true;  ///< every mask lies within the token's choices
  std::uint64_t dropped = 0;
  /// Of these, those among the d lowest scores of their expert's tokens, d being how many it dropped.
  std::uint64_t dropped_lowest = 0;
  /// How many those would be if the d dropped tokens of each expert were drawn by chance.
  double lowest_by_chance = 0.0;
};

/// Of every `every`-th sequence. Requires something to rank by, 1 <= k <= experts.
TopKDeparture top_k_departure(const Trace& trace, const LayerRecord& layer, std::size_t k,
                              std::size_t every = 1);

}  // namespace pastonly::routing
