#pragma once

#include <vector>

#include "pastonly/chart.h"
#include "report/fields.h"
#include "report/ordered_json.h"

namespace pastonly::report {

Json charts_json(const std::vector<Chart>& charts);
/// Of the key `charts`, which need not be there; refuses what cannot be drawn.
std::vector<Chart> charts_of(const Fields& check);

}  // namespace pastonly::report
