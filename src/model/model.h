#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "model/config.h"
#include "model/network.h"
#include "model/optimizer.h"
#include "pastonly/error.h"
#include "pastonly/trace.h"
#include "runtime/observe_options.h"

namespace pastonly::model {

/// One optimisation step.
struct StepReport {
  std::size_t step = 0;        ///< from 0
  Losses losses;               ///< before the step
  double gradient_norm = 0.0;  ///< before clipping; where it is not finite the step moved nothing
  double learning_rate = 0.0;
  double bits() const noexcept;  ///< cross-entropy in bits per token
};

using runtime::ObserveOptions;

/// A model in training: parameters, routing state, optimizer, the number of steps done. Float32.
/// Everything runs on the enclosing TBB arena's threads and does not depend on their number.
/// Not to be used by several threads at once, except observe and evaluate with a workspace each.
class Model {
 public:
  /// Parameters are drawn from `seed`; so are all later draws (noise, chance rules, coupling).
  static Expected<Model> create(const ModelConfig& config, const TrainingConfig& training,
                                std::uint64_t seed);

  /// Forward, backward, clipping, AdamW; then the routing state follows the batch. Where the gradient is not
  /// finite, neither moves. Input errors: tokens
  /// outside the vocabulary, arrays that do not fit the layout, an empty batch.
  Expected<StepReport> step(const Batch& batch);

  /// Runs the batch without changing anything and returns what the routers did, with ln p of every token
  /// given the row's tokens before it (column 0 NaN; NaN where either is padding). The softmax is taken in
  /// double in either mode: probabilities sum to 1.
  Expected<TraceData> observe(const Batch& batch, const ObserveOptions& options,
                              Workspace<float>& workspace) const;
  Expected<TraceData> observe(const Batch& batch, const ObserveOptions& options = {}) const;
  /// The losses alone; the workspace then holds log_probs (T: of each token's successor) and logits
  /// (T, vocab).
  Expected<Losses> evaluate(const Batch& batch, const ObserveOptions& options,
                            Workspace<float>& workspace) const;

  /// Writes all that a later step depends on: one safetensors file, written aside and renamed. A loaded model
  /// continues bit for bit.
  Expected<void> save(const std::filesystem::path& path) const;
  static Expected<Model> load(const std::filesystem::path& path);

  const ModelConfig& config() const noexcept { return network_.config(); }
  const TrainingConfig& training() const noexcept { return training_; }
  std::size_t steps_done() const noexcept { return steps_done_; }
  std::uint64_t seed() const noexcept { return seed_; }
  const Network<float>& network() const noexcept { return network_; }
  Network<float>& network() noexcept { return network_; }

 private:
  Model(Network<float> network, const TrainingConfig& training, std::uint64_t seed);

  Network<float> network_;
  TrainingConfig training_;
  std::uint64_t seed_;
  std::size_t steps_done_ = 0;
  AdamW<float> optimizer_;
  Arena<float> gradients_;
  std::unique_ptr<Workspace<float>> workspace_;
};

}  // namespace pastonly::model
