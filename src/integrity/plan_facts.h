#pragma once

#include <string>

#include "input/plan/plan.h"
#include "pastonly/trace.h"

namespace pastonly::integrity {

/// What a plan says of its model against a trace of it: "" or the first contradiction, in words that name the
/// key but not the files. Vocabulary, layers and experts must be the trace's. `top_k` contradicts a declared
/// rule of another k, and a layer all of whose tokens have one other number of experts: that is no drop and
/// no choice by experts.
std::string contradicts_plan(const input::Plan::Model& model, const Trace& trace);

}  // namespace pastonly::integrity
