#pragma once

#include <cstddef>
#include <memory>

#include "checkpoint/encoding.h"
#include "checkpoint/packing.h"
#include "kernels/bf16_product.h"
#include "kernels/block.h"
#include "kernels/buffer.h"

namespace pastonly::checkpoint {

/// The weights of a linear layer, (outputs, inputs), as they stand in a memory-mapped file. Lines of the file
/// are outputs or inputs; a matrix may be every second output (gpt-oss interleaves gate and up).
struct StoredMatrix {
  Encoding encoding = Encoding::f32;  ///< without a packing
  const std::byte* data = nullptr;    ///< of line 0; nullptr = no matrix
  std::size_t outputs = 0;
  std::size_t inputs = 0;
  bool inputs_first = false;  ///< a line holds all outputs of one input
  std::size_t line = 0;       ///< numbers from one line to the next, without a packing
  std::size_t first = 0;      ///< where output 0 stands among the lines, or in a line
  std::size_t step = 1;       ///< from one output to the next
  /// How numbers of few bits are decoded; nullptr = they stand at `data` in their encoding.
  std::shared_ptr<const Packing> packing = nullptr;
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

/// The weights of one output, (inputs). A matrix that lies inputs first has to be packed: lines of numbers
/// are not read across.
void read_row(const StoredMatrix& matrix, std::size_t row, float* out);

}  // namespace pastonly::checkpoint
