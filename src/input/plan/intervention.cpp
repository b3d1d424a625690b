#include "pastonly/intervention.h"

namespace pastonly {

std::string_view name(Intervention::Kind kind) noexcept {
  switch (kind) {
    case Intervention::Kind::base:
      return "base";
    case Intervention::Kind::repeat:
      return "repeat";
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
