#include "checkpoint/stored_matrix.h"

#include <algorithm>
#include <cstdint>

#include "kernels/products.h"

namespace pastonly::checkpoint {
namespace {

using kernels::Block;

constexpr std::size_t tile_floats = std::size_t{64} << 10;  // 256 KiB

/// `data` is mapped as it stands in the file, at any address.
bool is_aligned(const std::byte* data) noexcept {
  return reinterpret_cast<std::uintptr_t>(data) % alignof(float) == 0;
}

void apply_scales(const StoredMatrix& matrix, std::size_t line, std::size_t first, std::size_t step,
                  std::size_t count, float* out) {
  const BlockScales& scales = matrix.scales;
  if (scales.data == nullptr) return;
  const std::size_t row = line / scales.block_lines * scales.columns;
  std::size_t block = SIZE_MAX;
  float scale = 1.0F;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t here = (first + i * step) / scales.block_elements;
    if (here != block) {
      block = here;
      decode(scales.encoding, scales.data, row + block, 1, &scale);
    }
    out[i] *= scale;
  }
}

/// Numbers [first, first + count), `step` apart, of a line.
void read_line(const StoredMatrix& matrix, std::size_t line, std::size_t first, std::size_t step,
               std::size_t count, float* out) {
  if (matrix.encoding == Encoding::mxfp4) {  // lines are whole: first is 0 and step is 1
    const std::size_t blocks = matrix.line / 32;
    return decode_mxfp4(matrix.data + line * blocks * 16, matrix.block_scales + line * blocks, count, out);
  }
  if (matrix.encoding == Encoding::blocks) {  // so here
    const std::size_t blocks = matrix.line / matrix.block->numbers;
    return matrix.block->decode(matrix.data + line * blocks * matrix.block->bytes, blocks, out);
  }
  decode_strided(matrix.encoding, matrix.data, line * matrix.line + first, step, count, out);
  apply_scales(matrix, line, first, step, count, out);
}

}  // namespace

Block<const float> tile(const StoredMatrix& matrix, std::size_t first, std::size_t count,
                        TileScratch& scratch) {
  const std::size_t at = matrix.first + matrix.step * first;
  const bool plain = matrix.encoding == Encoding::f32 && is_aligned(matrix.data) &&
                     (matrix.step == 1 || !matrix.inputs_first);
  const auto* floats = reinterpret_cast<const float*>(matrix.data);  // only read where it is aligned
  if (matrix.inputs_first) {
    if (plain) return {floats + at, matrix.inputs, count, matrix.line};
    scratch.tile.resize(matrix.inputs * count);
    for (std::size_t i = 0; i < matrix.inputs; ++i)
      read_line(matrix, i, at, matrix.step, count, scratch.tile.data() + i * count);
    return {scratch.tile.data(), matrix.inputs, count};
  }
  if (plain) return {floats + at * matrix.line, count, matrix.inputs, matrix.step * matrix.line};
  scratch.tile.resize(matrix.inputs * count);
  for (std::size_t o = 0; o < count; ++o)
    read_line(matrix, at + o * matrix.step, 0, 1, matrix.inputs, scratch.tile.data() + o * matrix.inputs);
  return {scratch.tile.data(), count, matrix.inputs};
}

void multiply(const Operand& x, const StoredMatrix& matrix, std::size_t first, std::size_t count,
              Block<float> c, TileScratch& scratch) {
  if (matrix.encoding == Encoding::bf16 && !matrix.inputs_first) {
    const kernels::Bf16Block weights{matrix.data + (matrix.first + matrix.step * first) * matrix.line * 2,
                                     count, matrix.inputs, matrix.step * matrix.line};
    if (x.rounded == nullptr || matrix.inputs % 2 != 0) return kernels::product_nt(x.rows, weights, c);
    return kernels::bf16_product(*x.rounded, x.first, weights, c);
  }
  const auto weights = tile(matrix, first, count, scratch);
  if (matrix.inputs_first) {
    kernels::product_nn<float>(x.rows, weights, c);
  } else {
    kernels::product_nt<float>(x.rows, weights, c);
  }
}

std::size_t tile_outputs(const StoredMatrix& matrix) noexcept {
  constexpr std::size_t step = 32;  // a panel of the product
  const std::size_t fitting = tile_floats / std::max<std::size_t>(1, matrix.inputs) / step * step;
  return std::clamp<std::size_t>(fitting, step, 512);
}

void read_row(const StoredMatrix& matrix, std::size_t row, float* out) {
  read_line(matrix, matrix.first + row * matrix.step, 0, 1, matrix.inputs, out);
}

}  // namespace pastonly::checkpoint
