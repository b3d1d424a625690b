#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pastonly/report.h"

namespace pastonly::run {

/// The rule that explains each of these layers, "" where none is known.
std::vector<std::string> rules_of(const Report& report, const std::vector<std::uint32_t>& layers);
/// What is the same from run to run of a finding: a hash of check, claim, layers and their rules, 16 hex
/// digits. Requires as many rules as layers.
std::string fingerprint(std::string_view check, std::string_view claim,
                        const std::vector<std::uint32_t>& layers, const std::vector<std::string>& rules);

}  // namespace pastonly::run
