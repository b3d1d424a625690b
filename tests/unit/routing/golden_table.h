#pragma once

#include <span>
#include <string_view>

#include "combine_weights.h"

/// How one framework's implementation (a folder of golden vectors) is reproduced.
struct GoldenCase {
  std::string_view folder;
  std::string_view rule;  ///< as on the command line
  /// What selection sees, and what the gate is taken from.
  enum class Input { scores, logits, sigmoid, softmax };
  Input selection;
  Input gate_scores;
  pastonly::routing::GateOptions gate;
  /// `exact`: masks and gates are reproduced. Otherwise why they cannot be, and what is tested instead.
  enum class Kind { exact, random_tokens, random_second } kind;
};

std::span<const GoldenCase> golden_cases();
