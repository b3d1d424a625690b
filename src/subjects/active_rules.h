#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "pastonly/intervention.h"
#include "pastonly/routing_rule.h"
#include "pastonly/trace.h"
#include "runtime/runnable_model.h"

namespace pastonly::subjects {

/// Puts something around a layer's rule for one pass (the lab's arms that permute or drop): a rule that may
/// draw by chance from the seed and that keeps a reference to the one given.
using WrapRule = std::function<std::unique_ptr<RoutingRule>(const RoutingRule& rule, std::uint64_t seed)>;

/// Rules that replace the layers' own for one pass; none where these serve.
struct ActiveRules {
  std::vector<std::unique_ptr<RoutingRule>> made;
  std::vector<const RoutingRule*> rules;  // (layers), or empty
};

/// The layers' own rules, decorated where there is a decoration; in a shuffle they see all tokens in the
/// run's order. `chance`: seed of what decorations draw. Refers to the model's rules.
ActiveRules own_rules(const runtime::ModelFacts& facts, const WrapRule& decorate, const Intervention& run,
                      std::uint64_t chance);

/// The rules of a pass, its one rule or its rules where it has them, with every token among those of another
/// batch (routing/wrappers/foreign_batch.h): `others` is what the same pass made of that batch. Refers to the
/// rules given.
ActiveRules foreign_batch_rules(const runtime::ModelFacts& facts, const runtime::ObserveOptions& how,
                                const TraceData& others, std::uint64_t seed);

}  // namespace pastonly::subjects
