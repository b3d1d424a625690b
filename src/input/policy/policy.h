#pragma once

#include <string>
#include <string_view>

#include "pastonly/error.h"
#include "pastonly/policy.h"

namespace pastonly::input {

/// A file's path or the name of an embedded policy (release, ci). Unknown keys, unknown checks, values
/// out of range and an ignore without reason or date are usage errors naming the key and the file, and
/// where `today` (YYYY-MM-DD) is given so is an ignore past its date. A key that the policy leaves out,
/// and a severity that it does not name, is as in ci.
Expected<Policy> read_policy(const std::string& path_or_name, std::string_view today = {});
Expected<Policy> parse_policy(std::string_view text, std::string_view name, std::string_view today = {});

}  // namespace pastonly::input
