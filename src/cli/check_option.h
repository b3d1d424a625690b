#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "pastonly/error.h"

namespace pastonly::cli {

/// `--check ID`, repeatable: the checks to run. `ids` must outlive the parsing; empty means all.
CLI::Option* add_check_option(CLI::App& command, std::vector<std::string>& ids);
/// Usage error naming the first id that no check has, and the nearest one that exists.
Expected<void> known_checks(const std::vector<std::string>& ids);

}  // namespace pastonly::cli
