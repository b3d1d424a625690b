#include "input/trace/placeholder_rows.h"

#include <algorithm>

namespace pastonly {

bool is_placeholder(std::span<const std::int64_t> ids) noexcept {
  return ids.size() > 1 && std::ranges::all_of(ids, [](std::int64_t id) { return id == 0; });
}

namespace input {

std::vector<std::uint8_t> placeholder_rows(const TokenTensor& ids) {
  constexpr std::size_t block = 4096;
  std::vector<std::uint8_t> out(ids.tokens());
  if (ids.columns < 2) return out;
  std::vector<std::int64_t> scratch;
  for (std::size_t first = 0; first < ids.tokens(); first += block) {
    const auto rows = read_integers(ids, first, std::min(block, ids.tokens() - first), scratch);
    for (std::size_t i = 0; i < rows.rows(); ++i) out[first + i] = is_placeholder(rows.row(i)) ? 1 : 0;
  }
  return out;
}

}  // namespace input
}  // namespace pastonly
