#include "input/tensor/element_types.h"

#include <array>

namespace pastonly {

namespace {

constexpr auto element_names = std::to_array<input::ElementName>({
    {"BOOL", 8, DType::boolean},
    {"U8", 8, DType::u8},
    {"I8", 8, DType::i8},
    {"I16", 16, DType::i16},
    {"U16", 16, DType::u16},
    {"I32", 32, DType::i32},
    {"U32", 32, DType::u32},
    {"I64", 64, DType::i64},
    {"U64", 64, DType::u64},
    {"F16", 16, DType::f16},
    {"BF16", 16, DType::bf16},
    {"F32", 32, DType::f32},
    {"F64", 64, DType::f64},
    {"F8_E5M2", 8, {}},
    {"F8_E4M3", 8, {}},
    {"F8_E8M0", 8, {}},
    {"F8_E4M3FNUZ", 8, {}},
    {"F8_E5M2FNUZ", 8, {}},
    {"F6_E2M3", 6, {}},
    {"F6_E3M2", 6, {}},
    {"F4", 4, {}},
    {"C64", 64, {}},
});

const input::ElementName& element(DType type) noexcept {
  for (const auto& entry : element_names) {
    if (entry.type == type) return entry;
  }
  return element_names.front();  // unreachable: every DType stands in the table
}

}  // namespace

std::size_t size_of(DType type) noexcept { return element(type).bits / 8; }
std::string_view name(DType type) noexcept { return element(type).name; }
bool is_float(DType type) noexcept {
  return type == DType::f16 || type == DType::bf16 || type == DType::f32 || type == DType::f64;
}

namespace input {

const ElementName* find_element(std::string_view safetensors_name) noexcept {
  for (const auto& entry : element_names) {
    if (entry.name == safetensors_name) return &entry;
  }
  return nullptr;
}

std::optional<std::size_t> byte_size(std::size_t bits, const std::size_t* shape, std::size_t rank) noexcept {
  std::size_t total = bits;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (__builtin_mul_overflow(total, shape[axis], &total)) return std::nullopt;
  }
  if (total % 8 != 0) return std::nullopt;
  return total / 8;
}

}  // namespace input
}  // namespace pastonly
