#include "kernels/half_float.h"

#include <bit>
#include <cstring>
#include <vector>

#include "catch.h"
#include "unit/kernels/each_target.h"

namespace pastonly::kernels {

TEST_CASE("every binary16, side by side and alone", "[kernels]") {
  constexpr std::size_t count = 1U << 16;
  std::vector<std::byte> halves(2 * count + 1);  // at an odd address
  for (std::size_t i = 0; i < count; ++i) {
    const auto half = static_cast<std::uint16_t>(i);
    std::memcpy(halves.data() + 1 + 2 * i, &half, sizeof half);
  }
  for_each_target([&] {
    for (const std::size_t left_out : {0, 5}) {
      std::vector<float> out(count - left_out);
      halves_to_floats(halves.data() + 1, out.size(), out.data());
      std::size_t different = 0;
      for (std::size_t i = 0; i < out.size(); ++i) {
        const float alone = half_to_float(static_cast<std::uint16_t>(i));
        different += std::bit_cast<std::uint32_t>(out[i]) != std::bit_cast<std::uint32_t>(alone) ? 1 : 0;
      }
      CHECK(different == 0);
    }
  });
}

}  // namespace pastonly::kernels
