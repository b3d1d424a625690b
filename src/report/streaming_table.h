#pragma once

#include <string>

#include "pastonly/report.h"
#include "report/text.h"

namespace pastonly::report {

/// Which decisions streaming would change (forced-causality), layer by layer. "" where nothing changes and no
/// run streamed.
std::string streaming_table(const Report& report, const TextStyle& style);

}  // namespace pastonly::report
