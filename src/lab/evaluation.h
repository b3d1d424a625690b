#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "input/text/parse_json.h"
#include "lab/corpus.h"
#include "lab/experiment.h"
#include "lab/trainer.h"
#include "pastonly/error.h"
#include "pastonly/report.h"

namespace pastonly::lab {

/// What a frozen model does on tokens drawn after training. Losses in bits per token, of positions 1, 2, ....
struct EvaluationResult {
  std::string weights;       ///< SHA-256 of the frozen state's file, hex
  std::uint64_t seed = 0;    ///< of the tokens: from weights, arm and experiment; below 2^53
  std::uint64_t tokens = 0;  ///< predicted in each full evaluation

  // Routed as trained.
  double loss_bits = 0.0;
  double lower = 0.0, upper = 0.0;     ///< 95%, Student's t over batches
  std::optional<double> leak_bits;     ///< the source's own loss on these tokens - loss_bits
  std::optional<double> log2_e_value;  ///< rows of a batch averaged, batches multiplied

  // The same tokens, routed
  double in_order = 0.0;            ///< by the arm's rule, without the arm's own shuffle
  std::optional<double> shuffled;   ///< by that rule on tokens in random order
  std::optional<double> streaming;  ///< token by token, nothing later and no other row visible
  std::uint64_t streaming_tokens = 0;
  std::optional<double> streaming_gap;  ///< streaming - in_order on the same tokens
  std::optional<double> top_k;          ///< by plain top-k with as many experts per token, without noise
  std::uint64_t k = 0;                  ///< that number

  std::vector<Report::Experiment::Routers::Frozen> routers;  ///< (MoE layers) router_learning.h
};

/// Evaluates the model that `state` holds. Errors: of reading it and of the corpus; interrupted.
/// Streaming is left out where batches for it are 0 or the state is updated before use: then no routing
/// without the batch exists. Top-k is left out for centroids updated before use. Soft mixtures of experts,
/// which select nothing, have none of the three.
Expected<EvaluationResult> evaluate(const Experiment& experiment, const Arm& arm, const Corpus& corpus,
                                    const ArmStore& store, const std::function<bool()>& stop);

input::Json to_json(const EvaluationResult& result);
/// nullopt where something is missing or mistyped.
std::optional<EvaluationResult> evaluation_of(const input::Json& json);

}  // namespace pastonly::lab
