#pragma once

#include <cstddef>
#include <vector>

#include "pastonly/report.h"

namespace pastonly::report {

/// A row of the tables: an arm, or the mean over arms that differ in the seed alone.
struct ArmGroup {
  Report::Experiment::Arm mean;
  std::size_t seeds = 0;
  const Measurement* drop = nullptr;  ///< against its baseline, over seeds
};

/// An experiment's arms by group, in order; figures over seeds come from its loss-anomaly. Points into
/// `report`, which must hold an experiment.
std::vector<ArmGroup> arm_groups(const Report& report);

}  // namespace pastonly::report
