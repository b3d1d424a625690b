#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pastonly::checkpoint {

/// How the numbers of a weight or a scale stand in a file; E8M0 and I8 alone hold no weights.
enum class Encoding { f32, f16, bf16, f64, e4m3, e8m0, i8 };

/// By the name of a safetensors element type; nullopt for types that hold no weights here.
std::optional<Encoding> encoding_of(std::string_view dtype) noexcept;
/// The same of scales: no E4M3, but E8M0.
std::optional<Encoding> scale_encoding_of(std::string_view dtype) noexcept;
/// Of one number.
std::size_t bytes_of(Encoding encoding) noexcept;

/// Numbers [first, first + count) of an array, exactly, as float (F64 rounded to nearest). No scales are
/// applied. `data` may be unaligned.
void decode(Encoding encoding, const std::byte* data, std::size_t first, std::size_t count, float* out);
/// Every `step`-th number, from `first` on.
void decode_strided(Encoding encoding, const std::byte* data, std::size_t first, std::size_t step,
                    std::size_t count, float* out);

/// One number of 8 bits: E4M3 without infinities (OCP FP8; 0x7F and 0xFF are NaN), E8M0 (a power of two, 0xFF
/// is NaN).
float e4m3_to_float(std::uint8_t bits) noexcept;
float e8m0_to_float(std::uint8_t bits) noexcept;

}  // namespace pastonly::checkpoint
