#include "input/tensor/strided_view.h"

#include <cstring>

namespace pastonly::input {

bool lies_in_order(const Dimensions& shape, const Dimensions& stride) noexcept {
  std::size_t expected = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    if (shape[axis] != 1 && stride[axis] != expected) return false;
    expected *= shape[axis];
  }
  return true;
}

std::optional<std::size_t> reach(const Dimensions& shape, const Dimensions& stride) noexcept {
  std::size_t last = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] == 0) return 0;
    std::size_t step = 0;
    if (__builtin_mul_overflow(shape[axis] - 1, stride[axis], &step) ||
        __builtin_add_overflow(last, step, &last))
      return std::nullopt;
  }
  return last + 1;
}

std::vector<std::byte> gather(std::span<const std::byte> from, const Dimensions& shape,
                              const Dimensions& stride, std::size_t width) {
  std::size_t size = width;
  for (const std::size_t n : shape) size *= n;
  std::vector<std::byte> out(size);
  Dimensions index(shape.size(), 0);
  std::size_t at = 0;
  for (std::size_t to = 0; to < size; to += width) {
    std::memcpy(out.data() + to, from.data() + at * width, width);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      at += stride[axis];
      if (++index[axis] < shape[axis]) break;
      at -= stride[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

}  // namespace pastonly::input
