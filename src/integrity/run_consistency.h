#pragma once

#include <optional>
#include <string>

#include "input/trace/trace_file.h"
#include "pastonly/intervention.h"
#include "pastonly/trace.h"

namespace pastonly::integrity {

/// Whether what a run recorded is what its plan says: "" or the first contradiction, in words that
/// name tensors, rows and positions but not the files.

/// The output against the tokens that the run was given. An output short of the last position is
/// compared up to there.
std::string contradicts_input(const Trace& output, const input::TokensFile& input);

/// Two bases of one plan: mode, stage, vocabulary, compute, declared rule, layers and the kinds of arrays are
/// the same.
std::string contradicts_other_base(const Trace& output, const Trace& first);

/// A run against its base: mode, stage, vocabulary, compute, the declared rule unless it is rerouted, layers
/// and the kinds of arrays are the same, and the tokens differ where the intervention says and nowhere else.
std::string contradicts_base(const Intervention& run, const Trace& output, const Trace& base);

/// A suffix that happens to be drawn equal to the base's tests nothing; noted, so that nobody counts it.
std::optional<TraceIssue> unchanged_run(const Intervention& run, const Trace& output, const Trace& base);

}  // namespace pastonly::integrity
