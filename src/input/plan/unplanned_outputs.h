#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "input/plan/plan.h"

namespace pastonly::input {

/// Files of a plan's directory that are named as outputs are and belong to no run of it, in order: a recorder
/// that numbers otherwise than the plan would be missed without a word. At most eight.
std::vector<std::string> unplanned_outputs(const std::filesystem::path& directory, const Plan& plan);

}  // namespace pastonly::input
