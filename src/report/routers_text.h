#pragma once

#include <string>

#include "pastonly/report.h"
#include "report/writer.h"

namespace pastonly::report {

/// A line per arm, or per group of seeds (means): router rows at the end of training, when routes were
/// settled, gradients and activations of the trained model. "" where no arm has any of it.
std::string routers_text(const Report::Experiment& experiment, const TextStyle& style);

}  // namespace pastonly::report
