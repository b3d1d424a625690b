#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pastonly/routing_rule.h"
#include "pastonly/trace.h"
#include "routing/identify/identify.h"

/// A routing rule with parameters, on synthetic scores: what identification has to find again.
struct IdentifyCase {
  std::string id;
  pastonly::Parameters parameters;
  std::vector<std::string>
      accepted;  ///< ids of which one must be listed: itself, or what it is equivalent to
  std::size_t experts = 8;
  pastonly::Layout layout{4, 64, pastonly::TokenOrder::batch_major};
  bool ties = false;  ///< scores rounded to a grid: many are equal
  bool knows_tokens = false;
  std::uint64_t seed = 0;

  std::string describe() const;
};

/// Every rule of the table x experts x k x chunk x capacity x ties or none. `repetitions` seeds each.
std::vector<IdentifyCase> identify_grid(std::size_t repetitions);

/// A trace routed by the case's rule. Scores are softmax probabilities of normal logits with an offset
/// per expert; thresholds, biases and tables of the case are drawn from its seed.
pastonly::Trace make_case_trace(const IdentifyCase& which);

/// Identifies one layer of the given traces of one model (runs 0, 1, ...).
pastonly::routing::Identification identify_traces(const std::vector<pastonly::Trace>& traces,
                                                  std::size_t layer = 0);

/// Whether a rule with this id is among those that are left.
bool lists(const pastonly::routing::Identification& found, std::string_view id);
