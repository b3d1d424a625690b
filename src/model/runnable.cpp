#include "model/runnable.h"

#include <algorithm>
#include <span>

#include "kernels/elementary.h"
#include "model/routed_weights.h"
#include "routing/parameter_values.h"
#include "runtime/workspace_pool.h"

namespace pastonly::model {
namespace {

/// ln p of one token under logits, the softmax in double.
double log_prob(std::span<const float> logits, std::size_t token) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0.0;
  for (const float logit : logits) sum += kernels::exp(static_cast<double>(logit) - largest);
  return static_cast<double>(logits[token]) - largest - kernels::log(sum);
}

class RunnableInternalModel final : public runtime::RunnableModel {
 public:
  explicit RunnableInternalModel(const Model& model) : model_(model), weights_(model.network()) {
    const ModelConfig& config = model.config();
    facts_.vocab = config.vocab;
    facts_.experts = config.experts;
    facts_.routed_layers = config.layers - config.dense_layers;
    for (const auto& router : model.network().routers()) facts_.rules.push_back(router.rule.get());
    facts_.top_k = routing::top_k_of(config.router.rule.parameters);
    facts_.noisy = config.router.score == Score::noisy;
  }

  const runtime::ModelFacts& facts() const noexcept override { return facts_; }
  Expected<TraceData> observe(const Batch& batch, const ObserveOptions& options,
                              runtime::Successor* next) const override {
    const auto workspace = workspaces_.lend();
    auto data = model_.observe(batch, options, *workspace);
    if (data && next != nullptr) {
      const std::span logits(workspace->logits.row(batch.layout.positions - 1), facts_.vocab);
      next->log_prob = log_prob(logits, static_cast<std::size_t>(next->token));
    }
    return data;
  }

  const Weights* weights() const noexcept override { return weights_.layers() > 0 ? &weights_ : nullptr; }

 private:
  const Model& model_;
  RoutedWeights weights_;
  runtime::ModelFacts facts_;
  mutable runtime::WorkspacePool<Workspace<float>> workspaces_;
};

}  // namespace

std::unique_ptr<runtime::RunnableModel> make_runnable(const Model& model) {
  return std::make_unique<RunnableInternalModel>(model);
}

}  // namespace pastonly::model
