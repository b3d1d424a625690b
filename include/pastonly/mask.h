#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pastonly/matrix_view.h"

namespace pastonly {

/// Which expert processes which token: 1 or 0, (tokens, experts), owned.
class Mask {
 public:
  Mask() = default;
  Mask(std::size_t tokens, std::size_t experts) { reset(tokens, experts); }

  /// All zero, of the given shape; keeps its allocation where it is large enough.
  void reset(std::size_t tokens, std::size_t experts) {
    tokens_ = tokens;
    experts_ = experts;
    bits_.assign(tokens * experts, 0);
  }
  std::size_t tokens() const noexcept { return tokens_; }
  std::size_t experts() const noexcept { return experts_; }
  std::uint8_t& operator()(std::size_t token, std::size_t expert) noexcept {
    return bits_[token * experts_ + expert];
  }
  std::uint8_t operator()(std::size_t token, std::size_t expert) const noexcept {
    return bits_[token * experts_ + expert];
  }
  MatrixView<const std::uint8_t> view() const noexcept { return {bits_.data(), tokens_, experts_}; }
  MatrixView<std::uint8_t> view() noexcept { return {bits_.data(), tokens_, experts_}; }
  friend bool operator==(const Mask&, const Mask&) = default;

 private:
  std::size_t tokens_ = 0;
  std::size_t experts_ = 0;
  std::vector<std::uint8_t> bits_;  // (tokens, experts)
};

}  // namespace pastonly
