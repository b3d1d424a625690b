#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lint/framework.h"
#include "pastonly/report.h"
#include "pastonly/watch.h"

namespace pastonly::lint {

struct Request {
  std::vector<std::string> paths;      ///< files, and directories to search
  std::optional<Framework> framework;  ///< whose options they are; otherwise their keys tell
};

/// Reads all of them. The report's findings have a place; its verdict is fail where an option selects a rule
/// that looks ahead, otherwise error where a file that was named could not be read, otherwise pass. Files
/// without anything of ours are in not_assessed where they were named. Never an error for what files hold.
/// Does not ask whether to stop.
Report lint(const Request& request, const Watch& watch = {});

}  // namespace pastonly::lint
