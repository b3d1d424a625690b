#pragma once

#include <string>

#include "cli/commands.h"
#include "lab/experiment.h"
#include "pastonly/policy.h"
#include "pastonly/report.h"

namespace pastonly::cli {

/// One experiment from file to complete report, times included.
struct LabRequest {
  std::string path;
  lab::Experiment experiment;
  std::string directory;
  Policy policy;
  bool checks = true;  ///< run all checks on every arm
};
Expected<Report> run_lab(const LabRequest& request, const Session& session);

}  // namespace pastonly::cli
