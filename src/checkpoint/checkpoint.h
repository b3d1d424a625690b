#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/description.h"
#include "checkpoint/inference_workspace.h"
#include "checkpoint/layer_weights.h"
#include "checkpoint/weights.h"
#include "pastonly/error.h"
#include "pastonly/subject.h"
#include "pastonly/trace.h"
#include "runtime/batch.h"
#include "runtime/observe_options.h"

namespace pastonly::checkpoint {

/// What a pass gives besides the trace.
struct PassExtras {
  std::optional<std::int64_t> next;          ///< in: the token that follows the last position of row 0
  double next_log_prob = 0.0;                ///< out: its ln p
  kernels::Matrix<float>* logits = nullptr;  ///< out where given: (tokens, vocab)
};

/// How products with weights in bfloat16 are computed: of exact float32 copies, or with the rows that enter
/// rounded to bfloat16 as well, twice as fast where the processor multiplies such numbers. Routers are always
/// exact.
enum class Precision { float32, bfloat16 };

/// A Hugging Face checkpoint, or a GGUF file, that runs. Weights stay in memory-mapped files and are
/// converted tile by tile; sums are in float32. A token's results depend on its row and on what its routing
/// depends on, to the last bit, not on the number of threads.
class Checkpoint {
 public:
  /// Opens config.json and the weights of a directory, or a GGUF file. `rule`: routes every layer in place of
  /// the rule that the configuration declares; where it names no k it takes the declared one, and biased
  /// rules take the checkpoint's correction bias where they name none. `family`: the model_type that is run
  /// in place of the declared one, "" = the declared; keys that it does not read are then input errors. Input
  /// errors name file, key and tensor; usage errors: a rule that cannot be made, bfloat16 on a processor or a
  /// build without.
  static Expected<Checkpoint> open(const std::filesystem::path& directory,
                                   const std::optional<RuleSpec>& rule = std::nullopt,
                                   Precision precision = Precision::float32, std::string_view family = {});

  /// Runs the batch and returns what the routers did (mask, scores, gates, bias), with ln p of every token
  /// given the row's tokens before it, as model::Model::observe does. May be called from several threads with
  /// a workspace each. Input errors: tokens outside the vocabulary, a batch whose activations need more
  /// than 32 GiB, weights that are not finite.
  Expected<TraceData> observe(const runtime::Batch& batch, const runtime::ObserveOptions& options,
                              InferenceWorkspace& workspace, PassExtras* extras = nullptr) const;

  const Description& description() const noexcept { return description_; }
  /// (layers), nullptr where a layer has no router.
  const std::vector<std::unique_ptr<RoutingRule>>& rules() const noexcept { return rules_; }
  /// config.json and the files of weights, or the GGUF files.
  std::vector<FileRecord> files() const;
  const Weights& weights() const noexcept { return *weights_; }
  const ModelWeights& bound() const noexcept { return bound_; }
  /// What is odd about the files of weights, a predicate each: what binding them showed, and what was added.
  const std::vector<std::string>& oddities() const noexcept { return bound_.oddities; }
  void add_oddity(std::string what) { bound_.oddities.push_back(std::move(what)); }
  const std::string& name() const noexcept { return name_; }
  /// What the description was read from: config.json, or the GGUF file.
  const std::filesystem::path& config() const noexcept { return config_; }

 private:
  Checkpoint() = default;
  Expected<void> read_directory(const std::filesystem::path& directory, std::string_view family);
  Expected<void> read_gguf(const std::filesystem::path& file, std::string_view family);
  Expected<void> make_rules(const std::optional<RuleSpec>& rule);
  Expected<void> check(const runtime::Batch& batch) const;
  void add_shared(const LayerWeights& weights, InferenceWorkspace& s) const;
  Expected<void> run_layer(std::size_t index, const runtime::Batch& batch,
                           const runtime::ObserveOptions& options, const RotaryTable& rotary,
                           InferenceWorkspace& workspace, TraceData& out) const;
  Expected<void> feed_forward(std::size_t index, const runtime::Batch& batch,
                              const runtime::ObserveOptions& options, InferenceWorkspace& workspace,
                              TraceData& out) const;
  /// The error that names what is not finite in one part of the model ("layers.3", "lm_head").
  Expected<void> not_finite(std::string_view part) const;

  std::string name_;
  Precision precision_ = Precision::float32;
  std::filesystem::path config_;
  Description description_;
  std::shared_ptr<const Weights> weights_;
  ModelWeights bound_;
  std::vector<std::unique_ptr<RoutingRule>> rules_;
};

}  // namespace pastonly::checkpoint
