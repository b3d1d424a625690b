#pragma once

#include <cstddef>
#include <cstdint>

namespace pastonly::kernels {

/// How many of `count` bytes, zeros and ones, are one: the experts of a token from its mask row.
std::size_t count_ones(const std::uint8_t* bytes, std::size_t count) noexcept;
/// The same of each row of (rows, columns) without gaps; counts (rows).
void count_row_ones(const std::uint8_t* bytes, std::size_t rows, std::size_t columns, std::uint32_t* counts);
/// Adds the ones of each column; counts (columns).
void add_column_ones(const std::uint8_t* bytes, std::size_t rows, std::size_t columns, std::uint64_t* counts);

/// The bits that any of the bytes has.
std::uint8_t any_bits(const std::uint8_t* bytes, std::size_t count);

}  // namespace pastonly::kernels
