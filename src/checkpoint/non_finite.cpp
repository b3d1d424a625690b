#include "checkpoint/non_finite.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace pastonly::checkpoint {

std::string find_non_finite(const Weights& weights, std::string_view prefix) {
  std::array<float, 4096> values{};
  for (auto at = weights.tensors().lower_bound(prefix); at != weights.tensors().end(); ++at) {
    const auto& [name, tensor] = *at;
    if (!name.starts_with(prefix)) break;
    const auto encoding = tensor.encoding();
    if (!encoding) continue;
    const std::size_t size = tensor.bytes.size() * 8 / bits_of(*encoding);
    for (std::size_t first = 0; first < size; first += values.size()) {
      const std::size_t count = std::min(values.size(), size - first);
      decode(*encoding, tensor.bytes.data(), first, count, values.data());
      const auto bad = std::find_if(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count),
                                    [](float value) { return !std::isfinite(value); });
      if (bad != values.begin() + static_cast<std::ptrdiff_t>(count))
        return fmt::format("{}: tensor '{}' holds {} at element {}", tensor.file, name, *bad,
                           first + static_cast<std::size_t>(bad - values.begin()));
    }
  }
  return "";
}

}  // namespace pastonly::checkpoint
