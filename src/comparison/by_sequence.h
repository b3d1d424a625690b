#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pastonly/ids.h"
#include "pastonly/outcome.h"

namespace pastonly::comparison {

/// Sums of one figure by sequence, and what they are shares of.
struct BySequence {
  explicit BySequence(std::size_t sequences) : sums(sequences, 0.0), weights(sequences, 0.0) {}
  void add(std::size_t sequence, double sum, double weight) {
    sums[sequence] += sum;
    weights[sequence] += weight;
  }
  /// Their ratio, with a bootstrap interval over sequences.
  Measurement measurement(std::string name, std::string unit, std::optional<LayerIndex> layer, double alpha,
                          std::uint64_t seed) const;

  std::vector<double> sums, weights;  // (sequences)
};

}  // namespace pastonly::comparison
