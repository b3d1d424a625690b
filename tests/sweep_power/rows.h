#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pastonly/layout.h"
#include "pastonly/policy.h"

namespace pastonly::sweep_power {

inline constexpr std::size_t batch = 256;  // tokens

/// How some models are trained: the rule, the shape of the batches, the source of the tokens.
struct Row {
  enum class Kind { causal, tried, untried };  ///< by the sweep
  std::string rule;
  std::size_t positions = 32;
  Kind kind = Kind::tried;
  std::int64_t k = 2;  ///< that the model declares
  Source source{"uniform", 16};

  Layout layout() const { return {batch / positions, positions}; }
  Layout other_layout() const {
    const std::size_t width = positions == 32 ? 64 : 32;
    return {batch / width, width};
  }
};

/// Causal rules, expert choice by chunk, every other rule that the sweep tries over sequences of several
/// widths and over the batch, a rule that it does not try, and some of them on a Markov source.
std::vector<Row> rows();

/// Causal rules only, each on several Markov sources and on uniform tokens.
std::vector<Row> causal_rows();

}  // namespace pastonly::sweep_power
