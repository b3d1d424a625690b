#pragma once

#include <string>

#include "pastonly/report.h"
#include "report/text_table.h"
#include "report/writer.h"

namespace pastonly::report {

/// The rows of health_table, the head first; empty where none ran.
std::vector<Row> health_rows(const Report& report);
/// What the checks of a router's health measured, over all layers: a line for each figure, with its least,
/// its median and its greatest value and the layer of that. "" where none ran.
std::string health_table(const Report& report, const TextStyle& style);

}  // namespace pastonly::report
