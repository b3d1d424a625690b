#pragma once

#include <string>
#include <vector>

#include "lint/document.h"
#include "lint/option.h"

namespace pastonly::lint {

/// An option that acts in a document.
struct Match {
  const Option* option = nullptr;
  std::uint64_t line = 1;
  /// "moe_expert_capacity_factor = 1.0, moe_token_drop_policy = probs (default)"
  std::string settings;
  bool certain = true;  ///< false where it hangs on a value that is computed elsewhere
};

/// Those of these frameworks, in the order of lines; harmless options (Effect::fine) are none. Where two rows
/// say the same of one block, the first speaks.
std::vector<Match> judge(const Document& document, const std::vector<Framework>& frameworks);

}  // namespace pastonly::lint
