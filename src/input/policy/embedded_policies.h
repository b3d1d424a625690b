#pragma once

#include <span>
#include <string_view>

namespace pastonly::input {

/// A policy of audits/policies, as text: `--policy NAME` finds it without a file.
struct EmbeddedPolicy {
  std::string_view name;
  std::string_view text;  ///< JSON with comments
};
std::span<const EmbeddedPolicy> embedded_policies() noexcept;

}  // namespace pastonly::input
