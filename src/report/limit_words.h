#pragma once

#include <string>

#include "pastonly/report.h"

namespace pastonly::report {

/// The smallest leak that the trials could have seen, in sentences; "" where none can be stated.
std::string limit_in_words(const Report& report);

}  // namespace pastonly::report
