#include "subjects/active_rules.h"

#include <algorithm>
#include <utility>

#include "pastonly/router_order.h"
#include "routing/wrappers/foreign_batch.h"
#include "routing/wrappers/permuted.h"
#include "stats/random.h"

namespace pastonly::subjects {
namespace {

/// One layer's scores, (tokens, experts), as the router sees its tokens.
std::vector<float> in_router_order(const Layout& layout, const TraceData::Layer& layer) {
  std::vector<float> out(layer.scores.size());
  to_router_order(layout, layer.mask.experts(), layer.scores.data(), out.data());
  return out;
}

const RoutingRule* keep(std::unique_ptr<RoutingRule> rule, ActiveRules& in) {
  return in.made.emplace_back(std::move(rule)).get();
}

}  // namespace

ActiveRules own_rules(const runtime::ModelFacts& facts, const WrapRule& decorate, const Intervention& run,
                      std::uint64_t chance) {
  ActiveRules out;
  const bool shuffled = run.kind == Intervention::Kind::shuffle;
  if (!shuffled && !decorate) return out;
  for (const RoutingRule* rule : facts.rules) {
    if (rule != nullptr && decorate)
      rule = keep(decorate(*rule, stats::CounterRng(chance, out.rules.size()).bits64()), out);
    if (rule != nullptr && shuffled)
      rule = keep(std::make_unique<routing::PermutedRule>(*rule, run.seed), out);
    out.rules.push_back(rule);
  }
  return out;
}

ActiveRules foreign_batch_rules(const runtime::ModelFacts& facts, const runtime::ObserveOptions& how,
                                const TraceData& others, std::uint64_t seed) {
  ActiveRules out;
  auto layer = others.layers.begin();
  for (std::size_t l = 0; l < facts.rules.size(); ++l) {
    const RoutingRule* rule = facts.rules[l];
    if (rule != nullptr) {
      if (how.rule != nullptr) rule = how.rule;
      if (!how.rules.empty()) rule = how.rules[l];
      rule = keep(
          std::make_unique<routing::ForeignBatchRule>(*rule, in_router_order(others.layout, *layer++), seed),
          out);
    }
    out.rules.push_back(rule);
  }
  return out;
}

}  // namespace pastonly::subjects
