#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "routing/identify/findings.h"
#include "routing/identify/grouped.h"
#include "routing/identify/run_set.h"

namespace pastonly::routing::hypotheses {

/// Who keeps the slots of an expert that more tokens wanted than it has slots for. Each is an order
/// of the wishes: an expert keeps the first C of those that name it.
enum class Admission {
  first_come,    ///< by token
  choice_major,  ///< by choice, then by token
  by_priority,   ///< by choice, then by the token's largest score
  by_score,      ///< by the pair's own score
  by_share,      ///< by score over the sum of the scores wanted
  next_choice,   ///< choice-major, and a token that was placed wants nothing more
  by_chance,     ///< any C of them
};

struct AdmissionFit {
  Admission admission{};
  Grouping grouping;
  std::size_t k = 0;
  /// Tokens routed together -> C; `reached`: somebody was refused at that number of tokens. Where
  /// nobody was, C is the smallest that fits.
  struct Slots {
    std::size_t capacity = 0;
    bool reached = false;
  };
  std::map<std::size_t, Slots> slots;
};

struct AdmissionFailure {
  std::size_t tokens = 0;  ///< read before it failed
  Counterexample at;
};

/// Tests all `wanted` orders with k choices over every run, in one pass. Where a fit is missing, its
/// failure (aligned with `wanted`) says why. next_choice is tested alone: its wishes are fewer.
std::vector<std::optional<AdmissionFit>> fit_admissions(const RunSet& runs, const Grouping& grouping,
                                                        std::size_t k, const std::vector<Admission>& wanted,
                                                        std::vector<AdmissionFailure>& failures);

}  // namespace pastonly::routing::hypotheses
