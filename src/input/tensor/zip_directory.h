#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace pastonly::input {

/// Where the bytes of a stored (uncompressed, unencrypted) member of a zip archive lie: libzip knows and
/// does not tell. Walks the central directory and checks it against the member's local header; nullopt
/// where anything does not agree, and the caller then reads through libzip.
std::optional<std::span<const std::byte>> stored_member(std::span<const std::byte> archive,
                                                        std::uint64_t index, std::string_view name,
                                                        std::uint64_t size) noexcept;

}  // namespace pastonly::input
