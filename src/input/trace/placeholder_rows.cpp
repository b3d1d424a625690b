#include "input/trace/placeholder_rows.h"

#include <algorithm>

namespace pastonly {

bool is_placeholder(std::span<const std::int64_t> ids) noexcept {
  return ids.size() > 1 && std::ranges::all_of(ids, [](std::int64_t id) { return id == 0; });
}

namespace input {

std::vector<RowContent> row_contents(const TokenTensor& ids, bool drops) {
  constexpr std::size_t block = 4096;
  std::vector<RowContent> out(ids.tokens(), RowContent::decision);
  if (ids.columns < 2 && drops) return out;
  // Unsigned types have no -1, which wraps around to their largest number; no token chooses that twice.
  const std::int64_t wrapped = ids.columns < 2          ? -1
                               : ids.type == DType::u8  ? 0xFF
                               : ids.type == DType::u16 ? 0xFFFF
                                                        : -1;
  std::vector<std::int64_t> scratch;
  for (std::size_t first = 0; first < ids.tokens(); first += block) {
    const auto rows = read_integers(ids, first, std::min(block, ids.tokens() - first), scratch);
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const auto row = rows.row(i);
      if (is_placeholder(row)) {
        out[first + i] = RowContent::zeros;
      } else if (!drops &&
                 std::ranges::all_of(row, [&](std::int64_t id) { return id < 0 || id == wrapped; })) {
        out[first + i] = RowContent::none;
      }
    }
  }
  return out;
}

}  // namespace input
}  // namespace pastonly
