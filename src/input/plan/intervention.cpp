#include "pastonly/intervention.h"

#include <algorithm>

namespace pastonly {

std::optional<std::size_t> cut_of(const Intervention& suffix, std::size_t row) noexcept {
  if (suffix.all_rows) return suffix.cut;
  const auto at = std::find(suffix.rows.begin(), suffix.rows.end(), row);
  if (at == suffix.rows.end()) return std::nullopt;
  return suffix.cuts.empty() ? suffix.cut : suffix.cuts[static_cast<std::size_t>(at - suffix.rows.begin())];
}

std::string_view name(Intervention::Kind kind) noexcept {
  switch (kind) {
    case Intervention::Kind::base:
      return "base";
    case Intervention::Kind::repeat:
      return "repeat";
    case Intervention::Kind::redraw:
      return "redraw";
    case Intervention::Kind::suffix:
      return "suffix";
    case Intervention::Kind::batch:
      return "batch";
    case Intervention::Kind::order:
      return "order";
    case Intervention::Kind::length:
      return "length";
    case Intervention::Kind::shuffle:
      return "shuffle";
    case Intervention::Kind::reroute:
      return "reroute";
    case Intervention::Kind::stream:
      return "stream";
    case Intervention::Kind::foreign_batch:
      return "company";
  }
  return "unknown";
}

}  // namespace pastonly
