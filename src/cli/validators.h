#pragma once

#include <CLI/CLI.hpp>

namespace pastonly::cli {

/// A whole number from 1 to 2^63 - 1, digits only.
CLI::Validator positive_whole();
/// A number from 0.00001 to 0.5: a share that trials can bound. Or bits of collision information, "0.01bits",
/// which it turns into the share of trials of which they are -log2(1 - share). To be used as a transform.
CLI::Validator share_of_trials();
/// A number other than NaN and infinity.
CLI::Validator finite();
/// Any text but "", which an unset variable of a script leaves behind.
CLI::Validator not_empty();

}  // namespace pastonly::cli
