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

/// (tokens) 1 where the recording holds a decision: valid, and not marked in every layer as never routed
/// (negative ids, or zeros throughout). With one layer after drops such a token may be dropped, and is one.
std::vector<std::uint8_t> decided_tokens(const Trace& trace);

/// Whether the record names expert 0 in every choice of every layer (is_placeholder) for this real token.
bool is_zero_filled(const Trace& trace, std::size_t token);

/// All ways that token ids, or shapes where ids are missing, leave open, the plainest first; empty where
/// there is none.
std::vector<TokenPlaces> token_places(const Trace& first, const Trace& second);

}  // namespace pastonly::comparison
