#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "model/model.h"
#include "pastonly/error.h"
#include "pastonly/routing_rule.h"
#include "pastonly/trace.h"

namespace pastonly {

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

/// A model that does not change: what a live subject runs. May be called from several threads at once.
class FrozenModel {
 public:
  FrozenModel() = default;
  FrozenModel(const FrozenModel&) = delete;
  FrozenModel& operator=(const FrozenModel&) = delete;
  virtual ~FrozenModel() = default;

  virtual const ModelFacts& facts() const noexcept = 0;
  /// As model::Model::observe. Where `next` is given its log_prob is filled in.
  virtual Expected<TraceData> observe(const model::Batch& batch, const model::ObserveOptions& options,
                                      Successor* next) const = 0;
};

/// The model or checkpoint must outlive what is made of it and must not be trained meanwhile.
std::unique_ptr<FrozenModel> freeze(const model::Model& model);
std::unique_ptr<FrozenModel> freeze(const checkpoint::Checkpoint& checkpoint);

}  // namespace pastonly
