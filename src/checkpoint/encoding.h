#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pastonly::checkpoint {

/// How the numbers of a weight stand in a file.
/// `blocks`: one of the block types of GGUF (gguf_blocks.h).
enum class Encoding { f32, f16, bf16, f64, e4m3, mxfp4, blocks };

/// By the name of an element type of safetensors or GGUF; nullopt for types that hold no weights here. In
/// safetensors MXFP4 has no element type of its own: its blocks are U8.
std::optional<Encoding> encoding_of(std::string_view dtype) noexcept;
std::string_view name(Encoding encoding) noexcept;
/// Of one number; 4 for MXFP4, 0 for blocks.
std::size_t bits_of(Encoding encoding) noexcept;

/// Numbers [first, first + count) of an array, exactly, as float (F64 rounded to nearest). No scales are
/// applied. `data` may be unaligned. Not for MXFP4
/// and blocks.
void decode(Encoding encoding, const std::byte* data, std::size_t first, std::size_t count, float* out);
/// Every `step`-th number, from `first` on.
void decode_strided(Encoding encoding, const std::byte* data, std::size_t first, std::size_t step,
                    std::size_t count, float* out);

/// OCP Microscaling MXFP4: blocks of 32 E2M1 numbers, two a byte, the earlier one in the low half, and one
/// power of two (E8M0) a block. Numbers [0, count) of a line of blocks; count is a multiple of 32.
void decode_mxfp4(const std::byte* blocks, const std::byte* scales, std::size_t count, float* out);

/// One number of 8 bits: E4M3 without infinities (OCP FP8; 0x7F and 0xFF are NaN), E8M0 (a power of two, 0xFF
/// is NaN).
float e4m3_to_float(std::uint8_t bits) noexcept;
float e8m0_to_float(std::uint8_t bits) noexcept;

}  // namespace pastonly::checkpoint
