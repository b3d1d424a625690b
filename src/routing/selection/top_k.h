#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pastonly/matrix_view.h"
#include "routing/selection/group.h"

namespace pastonly::routing {

/// The experts of the k largest scores of one token, best first; equal scores: lower expert first;
/// non-finite scores last. Writes min(k, experts) entries, requires that many in `best`.
void top_k(std::span<const float> scores, std::span<std::uint16_t> best);

/// Every token's ranked choices, (tokens, k). Requires k <= experts <= 65535.
struct Choices {
  std::size_t k = 0;
  std::vector<std::uint16_t> experts;  // (tokens, k) best first

  std::span<const std::uint16_t> of(std::size_t token) const noexcept {
    return {experts.data() + token * k, k};
  }
};
/// min(k, experts) choices of every token. Padding chooses as well; who admits skips it.
Choices top_choices(MatrixView<const float> scores, std::size_t k);

/// Marks the choices of all valid tokens as selected, and as kept too unless drops follow.
void mark(const Group& group, const Choices& choices, bool dropless, Routing& out);

}  // namespace pastonly::routing
