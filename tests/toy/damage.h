#pragma once

#include <string_view>

#include "pastonly/error.h"
#include "pastonly/trace.h"

namespace pastonly::toy {

/// Makes a trace contradict itself, or look odd, as producers' bugs do:
/// nan-score (layer 0), zero-rows (the mask of two tokens of layer 0), short-rows (the mask of the last
/// position of every row and layer), gate-without-route (layer 0), masked-padding (all that was recorded of
/// padding).
Expected<void> damage(std::string_view kind, TraceData& data);

}  // namespace pastonly::toy
