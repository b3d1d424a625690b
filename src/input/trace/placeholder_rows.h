#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pastonly/trace.h"

namespace pastonly::input {

/// What a row of ids says of its token: a decision, or that there is none.
enum class RowContent : std::uint8_t {
  decision,
  zeros,  ///< K copies of expert 0, which no router chooses: layers without experts, tokens that never ran
  none,   ///< no id at all: prefixes from a cache, tokens that never ran
};

/// (tokens) what each row of ids is. With K = 1 zeros are a choice of expert 0 like any other. Rows without
/// ids are decisions too, namely drops, where `drops` says that the producer records those so.
std::vector<RowContent> row_contents(const TokenTensor& ids, bool drops);

}  // namespace pastonly::input
