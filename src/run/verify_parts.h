#pragma once

#include <vector>

#include "run/verify.h"

namespace pastonly::run {

/// What a report says beside its findings, measurements and verdict, held against the audit made again: its
/// files, its subject, every layer (experts, rule with all candidates, bound, leak, origin), totals, what was
/// dismissed and what was not assessed, a policy that bears the name of a ready one, and the arms of an
/// experiment (training, losses, weights; not their checks).
std::vector<Statement> hold_parts_against(const Report& stated, const Report& recomputed);

}  // namespace pastonly::run
