#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "kernels/block.h"

namespace pastonly::checkpoint {

/// Which numbers of a head turn together: i and i + width / 2, or 2 i and 2 i + 1.
enum class Pairing { halves, neighbours };

/// Rotary positions and how they are stretched to longer texts (rope_parameters or rope_scaling).
struct RotaryDescription {
  enum class Kind { plain, linear, dynamic, yarn, longrope, llama3, proportional };
  Kind kind = Kind::plain;
  std::size_t width = 0;  ///< of a head that turns; even
  double theta = 10000.0;
  double factor = 1.0;
  std::size_t original_positions = 0;        ///< dynamic, yarn, longrope, llama3
  double amplitude = 1.0;                    ///< of cosines and sines (attention_factor)
  double beta_fast = 32.0, beta_slow = 1.0;  // yarn
  bool truncate = true;                      // yarn
  std::size_t turning_pairs = 0;             ///< proportional: the others stay as they are
  double low_frequency_factor = 1.0, high_frequency_factor = 4.0;  // llama3
  std::vector<double> short_factors;                               // longrope, (width / 2)
  double short_amplitude = 1.0, long_amplitude = 1.0;              // longrope
};

/// Radians per position, (width / 2), and the amplitude for sequences of that many positions: dynamic and
/// longrope change with the length. Source: transformers, modeling_rope_utils.py, in float32 as there.
struct RotaryFrequencies {
  std::vector<float> radians;
  float amplitude = 1.0F;
};
RotaryFrequencies rotary_frequencies(const RotaryDescription& rotary, std::size_t positions);

/// Cosines and sines of all positions of a batch.
class RotaryTable {
 public:
  RotaryTable(const RotaryDescription& rotary, std::size_t positions);
  /// Turns the first `width` numbers of a head that stands at a position.
  void turn(float* head, std::size_t position, Pairing pairing) const;

 private:
  std::size_t half_;
  std::vector<float> cosines_, sines_;  // (positions, width / 2)
};

}  // namespace pastonly::checkpoint
