#include "input/tensor/torch_types.h"

#include <algorithm>
#include <array>

namespace pastonly::input {

namespace {

constexpr auto torch_types = std::to_array<TorchType>({
    {"torch float32", "torch FloatStorage", "f4", DType::f32, 4},
    {"torch float64", "torch DoubleStorage", "f8", DType::f64, 8},
    {"torch float16", "torch HalfStorage", "f2", DType::f16, 2},
    {"torch bfloat16", "torch BFloat16Storage", "", DType::bf16, 2},
    {"torch int64", "torch LongStorage", "i8", DType::i64, 8},
    {"torch int32", "torch IntStorage", "i4", DType::i32, 4},
    {"torch int16", "torch ShortStorage", "i2", DType::i16, 2},
    {"torch int8", "torch CharStorage", "i1", DType::i8, 1},
    {"torch uint8", "torch ByteStorage", "u1", DType::u8, 1},
    {"torch bool", "torch BoolStorage", "b1", DType::boolean, 1},
    {"torch uint16", "", "u2", DType::u16, 2},
    {"torch uint32", "", "u4", DType::u32, 4},
    {"torch uint64", "", "u8", DType::u64, 8},
    {"torch float8_e4m3fn", "", "", {}, 1},
    {"torch float8_e5m2", "", "", {}, 1},
    {"torch float8_e4m3fnuz", "", "", {}, 1},
    {"torch float8_e5m2fnuz", "", "", {}, 1},
    {"torch float8_e8m0fnu", "", "", {}, 1},
    {"torch complex64", "torch ComplexFloatStorage", "c8", {}, 8},
    {"torch complex128", "torch ComplexDoubleStorage", "c16", {}, 16},
});

}  // namespace

const TorchType* find_type(std::string_view TorchType::*column, std::string_view name) noexcept {
  const auto at = std::ranges::find_if(
      torch_types, [&](const TorchType& row) { return !name.empty() && row.*column == name; });
  return at == torch_types.end() ? nullptr : &*at;
}

}  // namespace pastonly::input
