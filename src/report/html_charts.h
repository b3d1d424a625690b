#pragma once

#include <string>

#include "pastonly/report.h"

namespace pastonly::report {

// Figures of a report, each with its table; "" where the report holds nothing of the kind.

/// Which redrawn tokens changed which earlier decisions.
std::string html_influence(const Report& report);
/// The router's health as a table, and the charts of the checks that have no section of their own.
std::string html_health(const Report& report);
/// By layer: the leak against what routing could carry, and decisions that changed with later tokens.
std::string html_layer_figures(const Report& report);
/// Rules applied again: under other chunk sizes, and with nothing after each token.
std::string html_replay_figures(const Report& report);
/// Of a comparison: routes kept and routes that differ, by layer and by position.
std::string html_agreement_figures(const Report& report);
/// The charts that checks drew: loads, drops by position, experts fetched ahead, ...
std::string html_check_charts(const std::vector<Report::CheckEntry>& checks);
/// Which pairs of a decision and a later token some trial covers.
std::string html_coverage_figure(const Report& report);

}  // namespace pastonly::report
