#pragma once

#include "lint/lint.h"
#include "session/environment.h"

namespace pastonly::session {

/// A dated report of what the files select.
Report run_lint(const lint::Request& request, const Environment& environment);

}  // namespace pastonly::session
