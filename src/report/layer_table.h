#pragma once

#include <string>

#include "pastonly/report.h"
#include "report/writer.h"

namespace pastonly::report {

/// One row per layer: rule, whether it is causal, share of decisions that flipped when the future
/// changed (with a bar), what the shapes could carry, what leaked, where it began. "" without layers.
std::string layer_table(const Report& report, const TextStyle& style);

}  // namespace pastonly::report
