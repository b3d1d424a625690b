#pragma once

#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "routing/identify/capacity/admission_trial.h"
#include "routing/identify/shared/grouped.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

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

/// Drops from `wanted` what the first tokens of the first run refute for every k: with more choices a token
/// wishes for more, and what was refused stays refused. Appends their failures to `dropped`. by_share
/// ranks by all wishes and goes only with by_chance.
struct DroppedAdmission {
  Admission admission{};
  AdmissionFailure failure;
};
void drop_refuted(const RunSet& runs, const Grouping& grouping, std::vector<Admission>& wanted,
                  std::vector<DroppedAdmission>& dropped);

}  // namespace pastonly::routing::hypotheses
