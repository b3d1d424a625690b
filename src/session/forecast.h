#pragma once

#include <optional>
#include <string>

#include "pastonly/policy.h"
#include "run/audit.h"
#include "session/subject_options.h"

namespace pastonly::session {

/// What a user who waits is told before a long audit: how many runs lie ahead, and how long they take by
/// the first of them. nullopt where it is short and nobody asked for a detection limit.
std::optional<std::string> forecast(const run::Ahead& ahead, const CheckpointOptions& options,
                                    const Policy& policy);

}  // namespace pastonly::session
