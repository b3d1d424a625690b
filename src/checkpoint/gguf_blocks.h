#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace pastonly::checkpoint {

/// An element type of ggml: `numbers` numbers of a row stand in one block of `bytes` bytes.
struct BlockType {
  std::uint32_t id = 0;  ///< in GGUF files
  std::string_view name;
  std::size_t numbers = 1;
  std::size_t bytes = 0;
  /// `count` blocks side by side, at any address, as float: the same to the last bit as dequantize of
  /// gguf.quants (gguf-py, llama.cpp). nullptr: numbers that are no blocks (F32, F16, BF16, F64), and types
  /// that nothing here reads.
  void (*decode)(const std::byte* blocks, std::size_t count, float* out) = nullptr;
};

/// All types whose sizes are known, supported or not. Sizes: GGML_QUANT_SIZES of gguf-py.
std::span<const BlockType> block_types() noexcept;
/// nullptr where there is none.
const BlockType* find_block_type(std::uint32_t id) noexcept;
const BlockType* find_block_type(std::string_view name) noexcept;

}  // namespace pastonly::checkpoint
