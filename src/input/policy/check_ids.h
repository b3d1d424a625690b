#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace pastonly::input {

/// The ids that a policy may name: the catalogue's (a unit test compares the two), and loss-anomaly,
/// which training runs report.
inline constexpr std::array<std::string_view, 18> check_ids{
    "trace-integrity",    "leakage-bound",     "rule-identification", "causal-mask",     "batch-isolation",
    "order-invariance",   "length-invariance", "token-shuffle",       "chunk-sweep",     "forced-causality",
    "future-information", "source-floor",      "future-decoding",     "gate-separation", "capacity-drops",
    "load-balance",       "loss-anomaly",      "forensic-sweep"};

constexpr bool is_check_id(std::string_view id) noexcept {
  return std::find(check_ids.begin(), check_ids.end(), id) != check_ids.end();
}

}  // namespace pastonly::input
