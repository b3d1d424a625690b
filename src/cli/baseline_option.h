#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "cli/commands.h"
#include "cli/outputs.h"
#include "pastonly/report.h"
#include "run/baseline.h"

namespace pastonly::cli {

/// `--baseline REPORT` and `--write-baseline FILE` of audit and compare.
struct BaselineArguments {
  std::string path;   ///< what it found is accepted; "" = nothing
  std::string write;  ///< where this report is written to be accepted; "" = nowhere
};
void add_baseline_options(CLI::App& command, BaselineArguments& arguments);

/// The earlier report of a comparison or of an audit, read before anything long starts. Nothing where none
/// was named.
Expected<std::optional<run::EarlierReport>> read(const BaselineArguments& arguments, bool comparison);
/// The reports to write: those of `-o`, and the one to be accepted.
std::vector<std::string> outputs_of(const BaselineArguments& arguments, const Session& session);
/// The exit code of a finished report. One that was written to be accepted exits with 0, findings or not,
/// unless the audit could not be completed; stderr then says what was accepted and what was not.
int conclude(const BaselineArguments& arguments, const Report& report);

}  // namespace pastonly::cli
