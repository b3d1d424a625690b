#pragma once

#include <string>
#include <string_view>

#include "pastonly/error.h"
#include "pastonly/policy.h"

namespace pastonly::input {

/// A file's path or the name of an embedded policy (release, ci). Unknown keys, unknown checks and an
/// ignore without reason or date are usage errors naming the key and the file.
Expected<Policy> read_policy(const std::string& path_or_name);
Expected<Policy> parse_policy(std::string_view text, std::string_view name);
/// "uniform:64"
Expected<Source> parse_source(std::string_view text);

}  // namespace pastonly::input
