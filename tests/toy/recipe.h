#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/layout.h"
#include "pastonly/trace.h"
#include "subjects/plan_options.h"
#include "toy/checkpoint.h"

namespace pastonly::toy {

/// Scores normalised over tokens before selection: a leak below the router.
struct ScoringFault {
  std::size_t layer = 0;
  bool across_batch = false;  ///< over all rows; else over the token's own row
};
/// A leak at few decisions, on top of a rule.
struct WeakLeak {
  enum class Kind { swap, next_token, batch };
  std::size_t layer = 0;
  double probability = 0.0;  ///< of a decision to be touched
  Kind kind = Kind::swap;
};
struct LogProbs {
  double sharpness = 0.3;
  double leak = 0.0;  ///< probability mass placed on the token that is to come
};

/// What differs between runs of equal tokens, and is nobody's dependence.
struct Noise {
  double jitter = 0.0;       ///< relative, of every score and hidden value, normal, drawn anew in every run
  double exploration = 0.0;  ///< probability of a token to send its weakest choice to a random expert
  double moving_bias = 0.0;  ///< spread of a bias that is another in every run
  double dropout = 0.0;      ///< of hidden values, by place in the batch alone: the seed is fixed
  bool bf16 = false;         ///< hidden values in bfloat16; products round by how many tokens an expert has
};
/// Faults and shape of a toy model; tests/toy/README.md documents every key.
struct ModelRecipe {
  enum class Gates { none, raw, renormalised, biased, over_row };
  enum class Score { softmax, sigmoid };
  using ScoringFault = toy::ScoringFault;
  using WeakLeak = toy::WeakLeak;
  using LogProbs = toy::LogProbs;

  std::uint64_t seed = 1;
  std::size_t layers = 3;
  std::size_t experts = 8;
  std::uint64_t vocab = 64;
  std::size_t width = 12;
  Score score = Score::softmax;
  double sharpness = 1.5;
  double quantise = 0.0;           ///< grid of the logits; ties where > 0
  std::vector<std::string> rules;  ///< one for all layers or one a layer: "expert-choice,k=2,chunk=16"
  Gates gates = Gates::raw;
  double rounding = 0.0;       ///< relative size of rounding noise that depends on the whole batch
  bool chance_per_run = true;  ///< chance rules draw anew in every run
  Noise noise;
  std::optional<ScoringFault> scoring_fault;
  std::optional<WeakLeak> weak_leak;
  std::optional<LogProbs> log_probs;
};

/// How the batch is drawn and what is asked of the model.
struct PlanRecipe {
  using Rows = subjects::PlanOptions::Rows;
  std::uint64_t seed = 1;
  std::size_t sequences = 4;
  std::size_t positions = 48;
  double stay = 0.0;        ///< probability that a token repeats its predecessor; else uniform
  bool plan = true;         ///< false: the base run alone, as a single file
  std::size_t padding = 0;  ///< invalid positions at the end of every row
  std::size_t repeats = 2;
  std::vector<std::size_t> cuts;  ///< empty = choose_cuts
  std::size_t cut_count = 4;
  std::vector<Rows> rows;  ///< of every cut; empty = one row of each in turn, and all at once
  std::size_t resamples = 2;
  std::size_t grouped = 0;
  std::vector<std::vector<std::size_t>> batch;
  bool order = true;
  std::vector<std::size_t> append;
  std::size_t shuffles = 0;
  std::vector<std::string> reroutes;
};

/// What is written of a trace.
struct RecordRecipe {
  bool scores = true;
  bool logits = false;
  bool bias = true;  ///< where the rule has one
  bool tokens = true;
  DType type = DType::f32;
  Mode mode = Mode::train;
  Stage stage = Stage::dispatched;
  TokenOrder order = TokenOrder::batch_major;
  std::string rule;                 ///< what the producer declares: "fixed-capacity,capacity=8"; "" = nothing
  std::vector<std::string> damage;  ///< "nan-score", "zero-rows", "short-rows", "gate-without-route",
                                    ///< "closed-expert", "extreme-log-prob"
};

/// What `pastonly audit` must answer.
struct Expectation {
  struct Figure {
    std::string name;  ///< of a measurement of the check
    std::optional<std::uint32_t> layer;
    std::optional<double> above, below, equal;
  };

  int exit = 0;
  std::vector<std::string> findings;  ///< "check" or "check/claim": must be there, unsuppressed, not a note
  std::vector<std::string> notes;     ///< the same, of any severity
  std::vector<std::string> absent;    ///< must not be there at any severity
  std::vector<Figure> measurements;
};

struct Recipe {
  std::optional<CheckpointRecipe> checkpoint;  ///< in place of model, plan and record
  ModelRecipe model;
  PlanRecipe plan;
  RecordRecipe record;
  std::vector<std::string> arguments;
  Expectation expect;
};

/// JSON with comments. Unknown keys are usage errors naming the key.
Expected<Recipe> parse_recipe(std::string_view text, std::string_view name);
Expected<Recipe> read_recipe(const std::filesystem::path& path);

}  // namespace pastonly::toy
