#pragma once

#include <cstddef>
#include <vector>

namespace pastonly::checkpoint {

/// What quantization_config says that the tensors themselves do not.
struct Quantisation {
  struct Block {
    std::size_t outputs = 0, inputs = 0;
  };
  std::vector<Block> blocks{{128, 128}};  ///< that may share a scale; DeepSeek-V3's where nothing is said
  std::size_t group = 0;                  ///< inputs that share a scale (GPTQ, AWQ); 0 = by the tensors
  std::size_t bits = 0;                   ///< of GPTQ's codes; 0 = no GPTQ is declared
  bool zeros_less_one = true;             ///< GPTQ stores zero points less 1 (its first format)
  bool zero_points = false;               ///< of all integers (compressed-tensors, symmetric: false)
  bool activations = false;               ///< a server quantises what enters products as well
};

}  // namespace pastonly::checkpoint
