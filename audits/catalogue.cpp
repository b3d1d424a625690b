#include <algorithm>
#include <array>

#include "audits/checks.h"

namespace pastonly {

std::span<const Check> all_checks() noexcept {
#define PASTONLY_LIST_CHECK(name) audits::name##_check,
  static const std::array checks{PASTONLY_CHECKS(PASTONLY_LIST_CHECK)};
#undef PASTONLY_LIST_CHECK
  return checks;
}

const Check* find_check(std::string_view id) noexcept {
  const auto checks = all_checks();
  const auto found = std::ranges::find(checks, id, &Check::id);
  return found == checks.end() ? nullptr : &*found;
}

}  // namespace pastonly
