#pragma once

#include <cstdint>
#include <type_traits>

namespace pastonly {

/// The model's own layer number (dense layers leave gaps), not a position in Trace::layers.
enum class LayerIndex : std::uint32_t {};

template <class Id>
requires std::is_enum_v<Id>
constexpr std::underlying_type_t<Id> raw(Id id) noexcept {
  return static_cast<std::underlying_type_t<Id>>(id);
}

}  // namespace pastonly
