#pragma once

#include <cstddef>
#include <vector>

#include "checkpoint/encoding.h"
#include "checkpoint/gguf_blocks.h"
#include "kernels/bf16_product.h"
#include "kernels/block.h"
#include "kernels/buffer.h"

namespace pastonly::checkpoint {

/// The scales of an E4M3 matrix: one float for every block of it.
struct BlockScales {
  const std::byte* data = nullptr;  // (lines / block_lines, elements / block_elements), rounded up; F32
  Encoding encoding = Encoding::f32;
  std::size_t columns = 0;  ///< of `data`
  std::size_t block_lines = 0;
  std::size_t block_elements = 0;
};

/// The weights of a linear layer, (outputs, inputs), as they stand in a memory-mapped file. Lines of the file
/// are outputs or inputs; a matrix may be every second output (gpt-oss interleaves gate and up).
struct StoredMatrix {
  Encoding encoding = Encoding::f32;
  const std::byte* data = nullptr;  ///< of line 0
  std::size_t outputs = 0;
  std::size_t inputs = 0;
  bool inputs_first = false;                ///< a line holds all outputs of one input
  std::size_t line = 0;                     ///< numbers from one line to the next
  std::size_t first = 0;                    ///< where output 0 stands among the lines, or in a line
  std::size_t step = 1;                     ///< from one output to the next
  BlockScales scales;                       ///< e4m3; no data = none
  const std::byte* block_scales = nullptr;  ///< mxfp4: (lines, inputs / 32), E8M0
  const BlockType* block = nullptr;         ///< blocks: their type; lines are outputs

  std::size_t bytes() const noexcept { return outputs * inputs * bits_of(encoding) / 8; }
};

/// Working memory of one task; grows to the largest tile it has held.
struct TileScratch {
  kernels::Buffer<float> tile;
};

/// Outputs [first, first + count) as float: (count, inputs), or (inputs, count) where the matrix lies inputs
/// first. Points into the file where it already holds that, else into the scratch.
kernels::Block<const float> tile(const StoredMatrix& matrix, std::size_t first, std::size_t count,
                                 TileScratch& scratch);

/// What enters a product: rows of float and, where they are to be rounded, the same in bfloat16.
struct Operand {
  kernels::Block<const float> rows;
  const kernels::Bf16Rows* rounded = nullptr;
  std::size_t first = 0;  ///< of `rounded`: row 0 of `rows`
};

/// c (rows, count) = x (rows, inputs) times outputs [first, first + count) of the matrix. Where the matrix is
/// bfloat16, outputs first, and x is there in bfloat16, that is multiplied; else float32 by float32. A row of
/// c depends on its own row of x alone, to the last bit.
void multiply(const Operand& x, const StoredMatrix& matrix, std::size_t first, std::size_t count,
              kernels::Block<float> c, TileScratch& scratch);

/// How many outputs a task of a product takes: its tile stays in the second-level cache.
std::size_t tile_outputs(const StoredMatrix& matrix) noexcept;

/// One row of an embedding, (inputs).
void read_row(const StoredMatrix& matrix, std::size_t row, float* out);

}  // namespace pastonly::checkpoint
