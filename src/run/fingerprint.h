#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pastonly/report.h"

namespace pastonly::run {

/// The rule that explains each of these layers, "" where none is known.
std::vector<std::string> rules_of(const Report& report, const std::vector<std::uint32_t>& layers);
/// Which of several an amount is of: what stands in the brackets of its name (measurement::of), else "".
std::string_view label_of(std::string_view amount);
/// What is the same from run to run of a finding: a hash of check, claim, layers and their rules, and the
/// label of its amount, 16 hex digits. Requires as many rules as layers.
std::string fingerprint(std::string_view check, std::string_view claim,
                        const std::vector<std::uint32_t>& layers, const std::vector<std::string>& rules,
                        std::string_view label);

}  // namespace pastonly::run
