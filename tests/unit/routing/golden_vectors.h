#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "golden_table.h"
#include "pastonly/routing_rule.h"

/// One routed batch of one file: `logits`, or `logits2` with its scores recomputed.
struct GoldenBatch {
  std::string name;  ///< folder/file, " 2" for the second batch
  bool ties = false;
  std::size_t tokens = 0, experts = 0;
  std::vector<float> logits, scores;    // (tokens, experts)
  std::vector<float> gates;             // (tokens, experts)
  std::vector<std::uint8_t> selected;   // (tokens, experts); empty for the second batch
  std::vector<std::uint8_t> effective;  // (tokens, experts) assigned and gate not 0

  const std::vector<float> input(GoldenCase::Input input) const;
};

/// All batches of a case's folder under `golden`.
std::vector<GoldenBatch> golden_batches(const std::filesystem::path& golden, const GoldenCase& golden_case);

/// The case's rule for so many experts ("linspace" filled in).
std::unique_ptr<pastonly::RoutingRule> golden_rule(const GoldenCase& golden_case, std::size_t experts);

/// The value of k among a rule's parameters; 1 where there is none.
std::size_t choices_of(const pastonly::RoutingRule& rule);
