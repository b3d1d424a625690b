#pragma once

#include <string_view>

namespace pastonly {

std::string_view version() noexcept;
/// The commit that this was built from, "unknown" outside a checkout.
std::string_view commit() noexcept;

}  // namespace pastonly
