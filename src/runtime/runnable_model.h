#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/routing_rule.h"
#include "pastonly/trace.h"
#include "pastonly/weights.h"
#include "runtime/batch.h"
#include "runtime/observe_options.h"

namespace pastonly::runtime {

/// What a live subject needs to know of a model before it runs it.
struct ModelFacts {
  std::uint64_t vocab = 0;
  std::size_t experts = 0;  ///< of a layer that routes
  std::size_t routed_layers = 0;
  std::vector<const RoutingRule*> rules;  // (layers) each layer's own, nullptr where it does not route
  std::optional<std::int64_t> top_k;      ///< experts per token, where the rule has such a number
  bool noisy = false;                     ///< draws by chance in training mode, whatever its rules
};

/// The token that follows the last position of row 0, and its log-probability there.
struct Successor {
  std::int64_t token = 0;
  double log_prob = 0.0;
};

/// A model that does not change: what a live subject runs. The internal model, checkpoints and whatever else
/// can run a batch implement it. May be called from several threads at once.
class RunnableModel {
 public:
  RunnableModel() = default;
  RunnableModel(const RunnableModel&) = delete;
  RunnableModel& operator=(const RunnableModel&) = delete;
  virtual ~RunnableModel() = default;

  virtual const ModelFacts& facts() const noexcept = 0;
  /// Runs the batch without changing anything and returns what the routers did, with ln p of every token
  /// given the row's tokens before it (column 0 NaN; NaN where either is padding). Where `next` is given its
  /// log_prob is filled in.
  virtual Expected<TraceData> observe(const Batch& batch, const ObserveOptions& options,
                                      Successor* next) const = 0;
  /// As Subject::weights.
  virtual const Weights* weights() const noexcept { return nullptr; }
};

}  // namespace pastonly::runtime
