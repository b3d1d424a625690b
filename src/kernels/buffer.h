#pragma once

#include <cstddef>
#include <memory>
#include <new>

#include "kernels/block.h"

namespace pastonly::kernels {

/// An owned array on a cache-line border that only ever grows. Growing does not initialise and does not
/// keep the old contents.
template <class T>
class Buffer {
 public:
  void resize(std::size_t size) {
    if (size > capacity_) {
      data_.reset(static_cast<T*>(::operator new(size * sizeof(T), alignment)));
      capacity_ = size;
    }
    size_ = size;
  }
  T* data() noexcept { return data_.get(); }
  const T* data() const noexcept { return data_.get(); }
  std::size_t size() const noexcept { return size_; }
  T& operator[](std::size_t i) noexcept { return data_.get()[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_.get()[i]; }
  T* begin() noexcept { return data(); }
  T* end() noexcept { return data() + size_; }
  const T* begin() const noexcept { return data(); }
  const T* end() const noexcept { return data() + size_; }

 private:
  static constexpr std::align_val_t alignment{64};
  struct Free {
    void operator()(T* data) const noexcept { ::operator delete(data, alignment); }
  };
  std::unique_ptr<T, Free> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// A buffer seen as a matrix, (rows, columns).
template <class T>
class Matrix {
 public:
  void resize(std::size_t rows, std::size_t columns) {
    buffer_.resize(rows * columns);
    rows_ = rows;
    columns_ = columns;
  }
  std::size_t rows() const noexcept { return rows_; }
  std::size_t columns() const noexcept { return columns_; }
  T* row(std::size_t index) noexcept { return buffer_.data() + index * columns_; }
  const T* row(std::size_t index) const noexcept { return buffer_.data() + index * columns_; }
  Block<T> block() noexcept { return {buffer_.data(), rows_, columns_}; }
  Block<const T> block() const noexcept { return {buffer_.data(), rows_, columns_}; }
  Block<T> block(std::size_t first, std::size_t count) noexcept { return block().row_range(first, count); }
  Block<const T> block(std::size_t first, std::size_t count) const noexcept {
    return block().row_range(first, count);
  }
  Buffer<T>& buffer() noexcept { return buffer_; }
  const Buffer<T>& buffer() const noexcept { return buffer_; }

 private:
  Buffer<T> buffer_;
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
};

}  // namespace pastonly::kernels
