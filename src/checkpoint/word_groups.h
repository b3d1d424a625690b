#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "checkpoint/scale_grid.h"
#include "checkpoint/weights.h"

namespace pastonly::checkpoint {

class TensorFinder;

/// What GPTQ and AWQ keep beside their codes: scales and packed zero points of groups of inputs, for every
/// output.
struct WordGroups {
  const std::byte* scales = nullptr;  // (groups, outputs)
  Encoding encoding = Encoding::f16;
  const std::byte* zeros = nullptr;  // (groups, outputs * bits / 32) int32
  std::size_t groups = 0;
  std::size_t outputs = 0;
  std::size_t bits = 0;
};

/// NAME.scales and NAME.qzeros. Without groups where they are rejected.
WordGroups read_word_groups(TensorFinder& find, const std::string& module, std::size_t outputs,
                            std::size_t bits);

/// NAME.bias that holds nothing but zeros is taken: writers of both formats gave one to every layer.
void pass_over_zero_bias(TensorFinder& find, const std::string& module);

}  // namespace pastonly::checkpoint
