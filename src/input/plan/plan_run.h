#pragma once

#include <string>

#include "input/text/json_object.h"
#include "pastonly/intervention.h"

namespace pastonly::input {

/// Reads one run of a plan (docs/formats.md). Returns "" or what is wrong; `run` then holds what was read up
/// to there, its id first.
std::string read_run(const Json& json, Intervention& run);

}  // namespace pastonly::input
