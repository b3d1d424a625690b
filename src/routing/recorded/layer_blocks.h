#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/bit_counts.h"
#include "pastonly/trace.h"

namespace pastonly::routing {

/// Neighbouring tokens of one sequence: what was recorded of them in one layer.
struct LayerBlock {
  std::size_t row = 0, position = 0;      ///< of the first token
  std::size_t first = 0;                  ///< that token, batch-major
  MatrixView<const float> ranking{};      // (tokens, experts); empty where the layer has none
  MatrixView<const std::uint8_t> mask{};  // (tokens, experts) the effective mask
  std::span<const std::uint32_t> counts;  // (tokens) experts of each
  std::size_t tokens() const noexcept { return mask.rows(); }

  static constexpr std::size_t entries = 32'768;  ///< of scores and of mask, as a rule
};

/// Calls take(block) for all tokens of a layer in batch-major order. Blocks stay in the second-level cache,
/// so that several readers can share one pass over memory. A block begins at a position that is a multiple
/// of 256.
template <class Take>
void for_each_block(const Layout& layout, const LayerRecord& layer, Take&& take) {
  constexpr std::size_t step = 256, most = 16 * step;
  const std::size_t fits = LayerBlock::entries / std::max<std::size_t>(1, layer.experts);
  const std::size_t tokens = std::clamp(fits / step * step, step, most);
  std::vector<float> scores;
  std::vector<std::uint8_t> bits;
  std::vector<std::uint32_t> counts;
  LayerBlock block;
  for (block.row = 0; block.row < layout.sequences; ++block.row) {
    for (block.position = 0; block.position < layout.positions; block.position += tokens) {
      const std::size_t count = std::min(tokens, layout.positions - block.position);
      block.first = layout.token(block.row, block.position);
      if (layer.ranking() != nullptr)
        block.ranking = read_floats(*layer.ranking(), block.first, count, scores);
      block.mask = mask_rows(layer, block.first, count, bits);
      counts.resize(count);
      kernels::count_row_ones(block.mask.data(), count, layer.experts, counts.data());
      block.counts = counts;
      take(block);
    }
  }
}

}  // namespace pastonly::routing
