#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pastonly {

/// In which order the router sees the tokens of a batch once sequences are flattened.
enum class TokenOrder {
  batch_major,     ///< row * positions + position (Hugging Face, DeepSpeed)
  sequence_major,  ///< position * sequences + row (Megatron)
};

/// The shape of one batch. Everything recorded is addressed batch-major (row, position); `order`
/// says only how the router saw it.
struct Layout {
  std::size_t sequences = 1;  // B
  std::size_t positions = 0;  // S
  TokenOrder order = TokenOrder::batch_major;

  constexpr std::size_t tokens() const noexcept { return sequences * positions; }
  constexpr std::size_t token(std::size_t row, std::size_t position) const noexcept {
    return row * positions + position;
  }
  /// Where the router saw the token: its index in router order.
  constexpr std::size_t router_index(std::size_t row, std::size_t position) const noexcept {
    return order == TokenOrder::batch_major ? row * positions + position : position * sequences + row;
  }
  friend bool operator==(const Layout&, const Layout&) = default;
};

/// Whether a token is no padding. `valid` has 0 for padding; empty = all valid.
constexpr bool is_valid(std::span<const std::uint8_t> valid, std::size_t token) noexcept {
  return valid.empty() || valid[token] != 0;
}

}  // namespace pastonly
