#include "checkpoint/runnable.h"

#include "checkpoint/routed_weights.h"
#include "routing/parameter_values.h"
#include "runtime/workspace_pool.h"

namespace pastonly::checkpoint {
namespace {

class RunnableCheckpoint final : public runtime::RunnableModel {
 public:
  explicit RunnableCheckpoint(const Checkpoint& checkpoint)
      : checkpoint_(checkpoint), weights_(checkpoint.description(), checkpoint.bound()) {
    const Description& description = checkpoint.description();
    facts_.vocab = description.vocab;
    facts_.experts = description.router.experts;
    facts_.routed_layers = description.sparse_layers();
    for (const auto& rule : checkpoint.rules()) facts_.rules.push_back(rule.get());
    facts_.top_k = routing::top_k_of(description.router.rule.parameters);
  }

  const runtime::ModelFacts& facts() const noexcept override { return facts_; }
  Expected<TraceData> observe(const runtime::Batch& batch, const runtime::ObserveOptions& options,
                              runtime::Successor* next) const override {
    const auto workspace = workspaces_.lend();
    PassExtras extras;
    if (next != nullptr) extras.next = next->token;
    auto data = checkpoint_.observe(batch, options, *workspace, &extras);
    if (data && next != nullptr) next->log_prob = extras.next_log_prob;
    return data;
  }

  const pastonly::Weights* weights() const noexcept override {
    return weights_.layers() > 0 ? &weights_ : nullptr;
  }

 private:
  const Checkpoint& checkpoint_;
  RoutedWeights weights_;
  runtime::ModelFacts facts_;
  mutable runtime::WorkspacePool<InferenceWorkspace> workspaces_;
};

}  // namespace

std::unique_ptr<runtime::RunnableModel> make_runnable(const Checkpoint& checkpoint) {
  return std::make_unique<RunnableCheckpoint>(checkpoint);
}

}  // namespace pastonly::checkpoint
