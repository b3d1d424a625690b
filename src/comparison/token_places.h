#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "comparison/alignment.h"
#include "pastonly/trace.h"

namespace pastonly::comparison {

/// One way in which the tokens of two recordings may correspond.
struct TokenPlaces {
  std::vector<Alignment::Stretch> stretches;  ///< ascending in `first`, of tokens that both decided
  bool known = false;                         ///< by equal token ids
  bool found_nothing = false;                 ///< no row of one is in the other
  std::vector<std::string> found;
  std::vector<std::size_t> only_first, only_second;
};

/// All ways that token ids, or shapes where ids are missing, leave open, the plainest first; empty where
/// there is none.
std::vector<TokenPlaces> token_places(const Trace& first, const Trace& second);

}  // namespace pastonly::comparison
