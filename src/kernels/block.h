#pragma once

#include <cstddef>
#include <type_traits>

namespace pastonly::kernels {

/// A non-owning row-major matrix whose rows may lie further apart than they are long: a column range
/// of a wider array, or a range of rows. Owns nothing.
template <class T>
struct Block {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::size_t stride = 0;  ///< elements from one row to the next

  constexpr Block() = default;
  constexpr Block(T* first, std::size_t row_count, std::size_t column_count)
      : Block(first, row_count, column_count, column_count) {}
  constexpr Block(T* first, std::size_t row_count, std::size_t column_count, std::size_t row_stride)
      : data(first), rows(row_count), columns(column_count), stride(row_stride) {}
  /// A block of mutable elements converts to a block of constant ones.
  template <class U>
  requires std::is_same_v<const U, T>
  constexpr Block(const Block<U>& other)  // NOLINT(google-explicit-constructor)
      : Block(other.data, other.rows, other.columns, other.stride) {}

  constexpr T* row(std::size_t index) const noexcept { return data + index * stride; }
  constexpr T& operator()(std::size_t row_index, std::size_t column) const noexcept {
    return data[row_index * stride + column];
  }
  constexpr Block row_range(std::size_t first, std::size_t count) const noexcept {
    return {data + first * stride, count, columns, stride};
  }
  constexpr Block column_range(std::size_t first, std::size_t count) const noexcept {
    return {data + first, rows, count, stride};
  }
};

}  // namespace pastonly::kernels
