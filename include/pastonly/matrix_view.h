#pragma once

#include <cassert>
#include <cstddef>
#include <span>
#include <type_traits>

namespace pastonly {

/// A non-owning view of a dense row-major matrix, (rows, columns), without padding between rows.
template <class T>
class MatrixView {
 public:
  constexpr MatrixView() = default;
  constexpr MatrixView(T* data, std::size_t rows, std::size_t columns) noexcept
      : data_(data), rows_(rows), columns_(columns) {}

  /// A view of mutable elements converts to a view of constant ones.
  template <class U>
  requires std::is_same_v<const U, T>
  constexpr MatrixView(MatrixView<U> other) noexcept  // NOLINT(google-explicit-constructor)
      : data_(other.data()), rows_(other.rows()), columns_(other.columns()) {}

  constexpr T* data() const noexcept { return data_; }
  constexpr std::size_t rows() const noexcept { return rows_; }
  constexpr std::size_t columns() const noexcept { return columns_; }
  constexpr std::size_t size() const noexcept { return rows_ * columns_; }
  constexpr bool empty() const noexcept { return size() == 0; }

  constexpr T& operator()(std::size_t row, std::size_t column) const noexcept {
    assert(row < rows_ && column < columns_);
    return data_[row * columns_ + column];
  }
  constexpr std::span<T> row(std::size_t index) const noexcept {
    assert(index < rows_);
    return {data_ + index * columns_, columns_};
  }
  /// Rows [first, first + count).
  constexpr MatrixView rows(std::size_t first, std::size_t count) const noexcept {
    assert(first + count <= rows_);
    return {data_ + first * columns_, count, columns_};
  }

 private:
  T* data_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
};

}  // namespace pastonly
