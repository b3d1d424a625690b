#pragma once

#include <string>

#include "pastonly/report.h"
#include "report/text.h"

namespace pastonly::report {

/// What training logs show, significant or not: where every arm's losses end, and how far arms end below one
/// another. "" where no logs were audited.
std::string log_table(const Report& report, const TextStyle& style);

}  // namespace pastonly::report
