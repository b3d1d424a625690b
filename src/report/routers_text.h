#pragma once

#include <string>

#include "pastonly/report.h"
#include "report/writer.h"

namespace pastonly::report {

/// The step; "not before the end" where only the last point, which agrees with itself, reaches it.
std::string settled_in_words(const Report::Experiment::Routers::Fixation& layer);

/// A line per arm, or per group of seeds (means): router rows at the end of training, when routes were
/// settled, gradients and activations of the trained model. "" where no arm has any of it.
std::string routers_text(const Report::Experiment& experiment, const TextStyle& style);

}  // namespace pastonly::report
