#pragma once

#include <filesystem>
#include <memory>

#include "input/text/parse_json.h"
#include "input/trace/trace_file.h"
#include "pastonly/subject.h"

namespace pastonly::subjects {

/// A trace file (one base run) or a plan directory. The plan's outputs are opened when first
/// observed. A run's output must agree with its input (tokens, shape), a suffix with its base before
/// the cut, and so on for every kind: a contradiction is an input error naming both files. `stop` ends the
/// reading of a long plan.
Expected<std::unique_ptr<Subject>> open_recorded(const std::filesystem::path& path,
                                                 const input::TraceOptions& options = {},
                                                 const input::Stop& stop = input::go_on);

}  // namespace pastonly::subjects
