#pragma once

#include <CLI/CLI.hpp>

namespace pastonly::cli {

/// A whole number from 1 to 2^63 - 1, digits only.
CLI::Validator positive_whole();
/// A number from 0.00001 to 0.5: a share that trials can bound.
CLI::Validator share_of_trials();
/// A number other than NaN and infinity.
CLI::Validator finite();
/// Any text but "", which an unset variable of a script leaves behind.
CLI::Validator not_empty();

}  // namespace pastonly::cli
