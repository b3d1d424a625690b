#pragma once

#include <string>

#include "pastonly/report.h"

namespace pastonly::report {

/// What the routers of an experiment's arms learned, and when their routes settled; "" where nothing was
/// measured.
std::string html_routers(const Report::Experiment& experiment);

}  // namespace pastonly::report
