#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "pastonly/report.h"

namespace pastonly::report {

// The cells of the layer table, in every format.

/// By layer, the share of decisions that changed with later tokens (causal-mask).
std::map<std::uint32_t, double> flip_rates(const Report& report);
/// yes | NO | open | ?
std::string causal_word(const Report::Layer& layer);
/// "2 (≥ 0.3651)/prefix", "-" where no leak was estimated.
std::string leak_words(const Report::Layer& layer);
std::string origin_words(const Report::Layer& layer);
/// The published floor of expert choice of these shapes.
std::string bound_words(const Report::Layer& layer);

}  // namespace pastonly::report
