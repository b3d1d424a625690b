#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>
#include <type_traits>

#include "kernels/half_float.h"
#include "pastonly/trace.h"

namespace pastonly {

namespace {

/// A bit pattern that stands for a half or a bfloat, so that one loop serves every element type.
struct Half {
  std::uint16_t bits;
};
struct Bfloat {
  std::uint16_t bits;
};

template <class To, class From>
To convert(From value) noexcept {
  if constexpr (std::is_same_v<From, Half>) {
    return static_cast<To>(kernels::half_to_float(value.bits));
  } else if constexpr (std::is_same_v<From, Bfloat>) {
    return static_cast<To>(kernels::bfloat_to_float(value.bits));
  } else if constexpr (std::is_same_v<From, std::uint64_t> && std::is_same_v<To, std::int64_t>) {
    // Beyond int64 lies no id: the largest stands for all, and is out of any range. Negative means "none".
    constexpr auto largest = std::numeric_limits<std::int64_t>::max();
    return value > static_cast<std::uint64_t>(largest) ? largest : static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

template <class From, class To>
void convert_run(const std::byte* from, std::size_t count, To* to) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, from + i * sizeof(From), sizeof(From));  // the file may not be aligned
    to[i] = convert<To>(value);
  }
}

template <class To>
void convert_elements(DType type, const std::byte* from, std::size_t count, To* to) noexcept {
  switch (type) {
    case DType::boolean:
    case DType::u8:
      return convert_run<std::uint8_t>(from, count, to);
    case DType::i8:
      return convert_run<std::int8_t>(from, count, to);
    case DType::i16:
      return convert_run<std::int16_t>(from, count, to);
    case DType::u16:
      return convert_run<std::uint16_t>(from, count, to);
    case DType::i32:
      return convert_run<std::int32_t>(from, count, to);
    case DType::u32:
      return convert_run<std::uint32_t>(from, count, to);
    case DType::i64:
      return convert_run<std::int64_t>(from, count, to);
    case DType::u64:
      return convert_run<std::uint64_t>(from, count, to);
    case DType::f16:
      if constexpr (std::is_same_v<To, float>) return kernels::halves_to_floats(from, count, to);
      return convert_run<Half>(from, count, to);
    case DType::bf16:
      return convert_run<Bfloat>(from, count, to);
    case DType::f32:
      return convert_run<float>(from, count, to);
    case DType::f64:
      return convert_run<double>(from, count, to);
  }
}

/// Whether tokens [first, first + count) lie one after the other without gaps.
bool contiguous(const TokenTensor& tensor, std::size_t first, std::size_t count) noexcept {
  const std::size_t width = tensor.columns * size_of(tensor.type);
  if (count <= 1) return true;
  if (tensor.positions > 1 && tensor.position_stride != width) return false;
  const bool one_sequence = first / tensor.positions == (first + count - 1) / tensor.positions;
  return one_sequence || tensor.sequence_stride == tensor.positions * width;
}

const std::byte* address(const TokenTensor& tensor, std::size_t token) noexcept {
  return tensor.data + token / tensor.positions * tensor.sequence_stride +
         token % tensor.positions * tensor.position_stride;
}

template <class To>
MatrixView<const To> read(const TokenTensor& tensor, std::size_t first, std::size_t count, DType same,
                          std::vector<To>& scratch) {
  assert(first + count <= tensor.tokens());
  const std::size_t columns = tensor.columns;
  if (count == 0 || columns == 0) return {nullptr, count, columns};
  const bool dense = contiguous(tensor, first, count);
  const std::byte* start = address(tensor, first);
  if (dense && tensor.type == same && reinterpret_cast<std::uintptr_t>(start) % alignof(To) == 0) {
    return {reinterpret_cast<const To*>(start), count, columns};
  }
  scratch.resize(count * columns);
  if (dense) {
    convert_elements(tensor.type, start, count * columns, scratch.data());
  } else {
    for (std::size_t i = 0; i < count; ++i) {
      convert_elements(tensor.type, address(tensor, first + i), columns, scratch.data() + i * columns);
    }
  }
  return {scratch.data(), count, columns};
}

}  // namespace

MatrixView<const float> read_floats(const TokenTensor& tensor, std::size_t first, std::size_t count,
                                    std::vector<float>& scratch) {
  return read<float>(tensor, first, count, DType::f32, scratch);
}

MatrixView<const std::int64_t> read_integers(const TokenTensor& tensor, std::size_t first, std::size_t count,
                                             std::vector<std::int64_t>& scratch) {
  assert(!is_float(tensor.type));
  return read<std::int64_t>(tensor, first, count, DType::i64, scratch);
}

}  // namespace pastonly
