#pragma once

#include <filesystem>

#include "pastonly/error.h"
#include "pastonly/subject.h"
#include "subject/evidence.h"

namespace pastonly {

/// Runs every intervention of a subject's plan and writes what went in and what was routed as a plan
/// directory (docs/formats.md), plan.json last: what is interrupted is no plan. The directory is made; usage
/// error: it holds something already. Errors of `observe` are passed on.
Expected<void> record_plan(Subject& subject, const std::filesystem::path& directory, const Watch& watch = {});

}  // namespace pastonly
