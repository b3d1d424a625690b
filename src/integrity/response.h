#pragma once

#include <string>

#include "pastonly/trace.h"

namespace pastonly::integrity {

/// Whether a run's routing follows its tokens: "" or, in words that name the layers, that it does not. Where
/// a run's tokens are not the base's, something recorded at those tokens must differ: of scores, gates or
/// mask at every layer that tells tokens apart at all (a layer of zeros does not), and at one layer at least.
/// A recorder that wrote the base again, or constants, is found so. Silent below 4 changed tokens, and below
/// 32 where masks alone are recorded, for these may agree by chance; and where the runs differ in shape.
std::string ignores_tokens(const Trace& output, const Trace& base);

}  // namespace pastonly::integrity
