#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "pastonly/matrix_view.h"

namespace pastonly::replay {

/// Who stands first among the visible tokens that want an expert.
enum class Admit {
  choice_major,              ///< better choices, then earlier tokens
  by_priority_choice_major,  ///< better choices, then tokens of larger best score
  by_priority,               ///< larger scores
  by_share,                  ///< larger scores over the sum of the token's chosen scores
};

/// Token choice with a capacity: k choices, of which an expert keeps at most `slots`.
struct CappedChoice {
  std::size_t k = 1;
  std::size_t slots = 0;
  Admit admit = Admit::choice_major;
};

/// How many entries of the recorded mask differ where each token competes with the tokens before it in
/// `order` alone: a choice is kept if fewer than `slots` of the visible ones stand before it. Tokens that
/// got k experts got their choices. scores and mask: (tokens, experts); order: rows of both.
std::size_t streamed_changes(MatrixView<const float> scores, MatrixView<const std::uint8_t> mask,
                             std::span<const std::size_t> order, const CappedChoice& rule);

}  // namespace pastonly::replay
