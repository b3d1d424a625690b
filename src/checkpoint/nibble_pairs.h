#pragma once

#include <array>
#include <cstddef>
#include <cstring>

namespace pastonly::checkpoint {

/// What the two codes of 4 bits in every byte stand for.
class NibblePairs {
 public:
  NibblePairs(const std::array<float, 16>& values, bool low_first) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const float low = values[byte & 15], high = values[byte >> 4];
      pairs_[byte] = low_first ? std::array{low, high} : std::array{high, low};
    }
  }

  /// Numbers [first, first + count) of an array of codes.
  void decode(const std::byte* codes, std::size_t first, std::size_t count, float* out) const {
    codes += first / 2;
    if (first % 2 != 0 && count > 0) {
      *out++ = pair(*codes++)[1];
      --count;
    }
    for (std::size_t i = 0; i + 1 < count; i += 2) std::memcpy(out + i, pair(*codes++), 2 * sizeof(float));
    if (count % 2 != 0) out[count - 1] = pair(*codes)[0];
  }

 private:
  const float* pair(std::byte byte) const noexcept {
    return pairs_[std::to_integer<std::size_t>(byte)].data();
  }

  std::array<std::array<float, 2>, 256> pairs_;
};

}  // namespace pastonly::checkpoint
