#pragma once

#include <CLI/CLI.hpp>

#include "session/subject_options.h"

namespace pastonly::cli {

using session::CheckpointOptions;

/// `audit`: all of them; else what says how one batch is run (--rule, --tokens, --text, --positions).
void add_checkpoint_options(CLI::App& command, CheckpointOptions& options, bool audit);

}  // namespace pastonly::cli
