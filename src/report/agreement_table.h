#pragma once

#include <string>
#include <vector>

#include "pastonly/report.h"
#include "report/text_table.h"
#include "report/writer.h"

namespace pastonly::report {

/// The rows of agreement_table, the head first; empty of other reports.
std::vector<Row> agreement_rows(const Report& report);
/// Of a comparison: one row per layer, routes kept, near ties, real differences, gates and scores. "" of
/// other reports.
std::string agreement_table(const Report& report, const TextStyle& style);
/// The outcome in a sentence or two: what fails and how far routes agree, or what could have stayed unseen.
std::string agreement_headline(const Report& report, const TextStyle& style);

}  // namespace pastonly::report
