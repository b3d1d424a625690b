#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/config.h"
#include "model/parameters.h"
#include "model/router_state.h"
#include "model/workspace.h"
#include "pastonly/error.h"
#include "pastonly/routing_rule.h"

namespace pastonly::model {

/// One layer's routing state. `rule` is empty for dense layers.
struct LayerRouter {
  std::unique_ptr<RoutingRule> rule;
  Centroids centroids;  ///< cosine scores only
};

struct ForwardOptions {
  bool training = true;                            ///< noisy scores draw noise
  std::uint64_t seed = 0;                          ///< of noise, chance rules and coupling noise
  const RoutingRule* rule = nullptr;               ///< routes every layer instead of the layer's own rule
  std::span<const RoutingRule* const> rules = {};  ///< (layers) one each instead; empty = as above
  bool exact_log_probs = false;                    ///< softmax of the outputs in double
};

/// The decoder: parameters, routing state, forward and backward. Every pass is parallel over fixed blocks
/// of tokens, sequences and heads, or experts, and sums in one order: results do not depend on the number
/// of threads of the enclosing arena, to the last bit.
template <class Real>
class Network {
 public:
  static Expected<Network> make(const ModelConfig& config, std::uint64_t seed);

  /// Log-probabilities of every next token, routing of every layer, and the losses; the objectives whose
  /// coefficient is 0 are left out. Requires tokens in [0, vocab) and shapes that agree. Reads the routing
  /// state and does not change it.
  void forward(const Batch& batch, const ForwardOptions& options, const Objectives& objectives,
               Workspace<Real>& workspace) const;
  /// Of losses.total(objectives) by every parameter, after forward on the same workspace with the same
  /// objectives. Selection is a constant: gradients reach the router through gates and objectives.
  void backward(const Objectives& objectives, Workspace<Real>& workspace, Arena<Real>& gradients) const;
  /// Moves the routing state (bias, thresholds, centroids) by what was routed.
  void learn(Workspace<Real>& workspace);

  const ModelConfig& config() const noexcept { return config_; }
  const ParameterTable& table() const noexcept { return *table_; }
  Arena<Real>& parameters() noexcept { return parameters_; }
  const Arena<Real>& parameters() const noexcept { return parameters_; }
  std::vector<LayerRouter>& routers() noexcept { return routers_; }
  const std::vector<LayerRouter>& routers() const noexcept { return routers_; }

 private:
  Network(const ModelConfig& config, std::uint64_t seed);

  ModelConfig config_;
  std::unique_ptr<const ParameterTable> table_;
  Arena<Real> parameters_;
  std::vector<LayerRouter> routers_;  // (layers)
};

}  // namespace pastonly::model
