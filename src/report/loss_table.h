#pragma once

#include <string>

#include "pastonly/report.h"
#include "report/text.h"

namespace pastonly::report {

/// What the model loses on the same tokens in order, shuffled, with nothing after each token and under plain
/// top-k (loss-anomaly), then under the rules of the forensic sweep, those that lose least first. "" where
/// neither was measured.
std::string loss_table(const Report& report, const TextStyle& style);

}  // namespace pastonly::report
