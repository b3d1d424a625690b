#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pastonly/trace.h"

namespace pastonly::integrity {

/// What may be wrong with a recorded trace that loads all the same. A contradiction cannot be true of
/// any model; an oddity can, and usually is a slip of the recorder.
enum class IssueKind {
  mask_not_binary,
  expert_out_of_range,
  repeated_expert,
  mask_against_experts,
  gate_not_finite,
  gate_without_mask,
  scores_not_finite,
  logits_not_finite,
  token_out_of_range,
  log_prob_positive,
  log_prob_missing,
  unrouted_token,
  last_position_empty,
  marker_255,
  placeholder,
  negative_gate,
  scores_minus_infinity,
  logits_minus_infinity,
  scores_as_logits,
  logits_as_scores,
  sinkhorn_scores,
  first_log_prob,
  log_prob_minus_infinity,
};
inline constexpr std::size_t issue_kind_count = 23;

struct IssueText {
  std::string_view id;
  TraceIssue::Kind kind;
  std::string_view tensor;  ///< "mask", "gates", ... the part of its name after the layer
  std::string_view unit;    ///< what is counted
  std::string_view text;    ///< follows "<count> <unit>"
};
const IssueText& info(IssueKind kind) noexcept;

/// How often, and where first: token in batch-major order, column where the tensor has several.
struct IssueCount {
  std::uint64_t count = 0;
  std::size_t token = 0;
  std::size_t column = 0;
  double value = 0.0;
};

class IssueCounts {
 public:
  void add(IssueKind kind, std::size_t token, std::size_t column, double value,
           std::uint64_t count = 1) noexcept {
    IssueCount& entry = entries_[static_cast<std::size_t>(kind)];
    if (entry.count == 0) entry = {0, token, column, value};
    entry.count += count;
  }
  const IssueCount& operator[](IssueKind kind) const noexcept {
    return entries_[static_cast<std::size_t>(kind)];
  }

 private:
  std::array<IssueCount, issue_kind_count> entries_{};
};

}  // namespace pastonly::integrity
