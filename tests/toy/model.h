#pragma once

#include <memory>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/routing_rule.h"
#include "pastonly/trace.h"
#include "subjects/token_batch.h"
#include "toy/recipe.h"

namespace pastonly::toy {

using Batch = subjects::TokenBatch;

using Rules = std::vector<std::unique_ptr<RoutingRule>>;  // (layers)
/// One rule for all layers or one a layer, as in a recipe.
Expected<Rules> make_rules(const std::vector<std::string>& specs, std::size_t layers);

/// A small decoder with random weights. What a layer scores at (row, position) is a function of the
/// row's tokens up to there and of what earlier layers decided at them: everything but the routing
/// rule, and the faults that the recipe plants, is causal and blind to other rows, to the last bit.
class Model {
 public:
  struct Run {
    const Rules* rules = nullptr;          ///< nullptr = the model's own
    std::optional<std::uint64_t> shuffle;  ///< permute the tokens of the batch before selection
    std::uint64_t chance_seed = 0;
    std::uint64_t noise_seed = 0;  ///< of what the recipe's noise draws anew in every run
    bool misled = false;           ///< the head trusts a leak that this run's routing does not give
  };

  static Expected<Model> make(const ModelRecipe& recipe);
  TraceData forward(const Batch& batch, const Run& run) const;
  const ModelRecipe& recipe() const noexcept { return recipe_; }

 private:
  explicit Model(const ModelRecipe& recipe);
  struct Pass;

  ModelRecipe recipe_;
  Rules rules_;                               // (layers)
  std::vector<double> embedding_;             // (vocab, width)
  std::vector<std::vector<double>> routers_;  // layers x (experts, width)
  std::vector<std::vector<double>> experts_;  // layers x (experts, width)
  std::vector<double> head_;                  // (vocab, width)
};

}  // namespace pastonly::toy
