#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "pastonly/trace.h"

namespace pastonly::input {

/// An element type by its safetensors name. `type` is empty for types that are valid in a file and
/// that nothing here computes with (F8_E4M3, F4, C64, ...): their bytes are checked, not offered.
struct ElementName {
  std::string_view name;
  std::size_t bits = 0;
  std::optional<DType> type;
};
/// nullptr where safetensors knows no such type.
const ElementName* find_element(std::string_view safetensors_name) noexcept;

/// shape x bits in bytes; nullopt on overflow or where the bits fill no whole number of bytes.
std::optional<std::size_t> byte_size(std::size_t bits, const std::size_t* shape, std::size_t rank) noexcept;

}  // namespace pastonly::input
