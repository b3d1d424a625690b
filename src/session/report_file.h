#pragma once

#include <string>

#include "pastonly/report.h"

namespace pastonly::session {

/// A JSON report from a file. Input errors name the file and the key.
Expected<Report> read_report(const std::string& path);

}  // namespace pastonly::session
