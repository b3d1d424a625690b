#include "subject/frozen_model.h"

#include <algorithm>
#include <span>

#include "kernels/elementary.h"
#include "routing/parameter_values.h"
#include "subject/workspace_pool.h"

namespace pastonly {
namespace {

/// ln p of one token under logits, the softmax in double.
double log_prob(std::span<const float> logits, std::size_t token) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0.0;
  for (const float logit : logits) sum += kernels::exp(static_cast<double>(logit) - largest);
  return static_cast<double>(logits[token]) - largest - kernels::log(sum);
}

class FrozenLabModel final : public FrozenModel {
 public:
  explicit FrozenLabModel(const model::Model& model) : model_(model) {
    const model::ModelConfig& config = model.config();
    facts_.vocab = config.vocab;
    facts_.experts = config.experts;
    facts_.routed_layers = config.layers - config.dense_layers;
    for (const auto& router : model.network().routers()) facts_.rules.push_back(router.rule.get());
    facts_.top_k = routing::top_k_of(config.router.rule.parameters);
    facts_.noisy = config.router.score == model::Score::noisy;
  }

  const ModelFacts& facts() const noexcept override { return facts_; }
  Expected<TraceData> observe(const model::Batch& batch, const model::ObserveOptions& options,
                              Successor* next) const override {
    const auto workspace = workspaces_.lend();
    auto data = model_.observe(batch, options, *workspace);
    if (data && next != nullptr) {
      const std::span logits(workspace->logits.row(batch.layout.positions - 1), facts_.vocab);
      next->log_prob = log_prob(logits, static_cast<std::size_t>(next->token));
    }
    return data;
  }

 private:
  const model::Model& model_;
  ModelFacts facts_;
  mutable WorkspacePool<model::Workspace<float>> workspaces_;
};

class FrozenCheckpoint final : public FrozenModel {
 public:
  explicit FrozenCheckpoint(const checkpoint::Checkpoint& checkpoint) : checkpoint_(checkpoint) {
    const checkpoint::Description& description = checkpoint.description();
    facts_.vocab = description.vocab;
    facts_.experts = description.router.experts;
    facts_.routed_layers = description.sparse_layers();
    for (const auto& rule : checkpoint.rules()) facts_.rules.push_back(rule.get());
    facts_.top_k = routing::top_k_of(description.router.rule.parameters);
  }

  const ModelFacts& facts() const noexcept override { return facts_; }
  Expected<TraceData> observe(const model::Batch& batch, const model::ObserveOptions& options,
                              Successor* next) const override {
    const auto workspace = workspaces_.lend();
    checkpoint::PassExtras extras;
    if (next != nullptr) extras.next = next->token;
    auto data = checkpoint_.observe(batch, options, *workspace, &extras);
    if (data && next != nullptr) next->log_prob = extras.next_log_prob;
    return data;
  }

 private:
  const checkpoint::Checkpoint& checkpoint_;
  ModelFacts facts_;
  mutable WorkspacePool<checkpoint::Workspace> workspaces_;
};

}  // namespace

std::unique_ptr<FrozenModel> freeze(const model::Model& model) {
  return std::make_unique<FrozenLabModel>(model);
}

std::unique_ptr<FrozenModel> freeze(const checkpoint::Checkpoint& checkpoint) {
  return std::make_unique<FrozenCheckpoint>(checkpoint);
}

}  // namespace pastonly
