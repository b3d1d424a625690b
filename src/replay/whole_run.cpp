#include "replay/whole_run.h"

#include "pastonly/router_order.h"
#include "replay/replay_rule.h"

namespace pastonly::replay {
namespace {

template <class T>
std::vector<T> in_router_order(const Layout& layout, std::size_t columns, std::span<const T> values) {
  std::vector<T> out(values.size());
  if (!values.empty()) to_router_order(layout, columns, values.data(), out.data());
  return out;
}

}  // namespace

std::vector<float> ranked_scores(const Trace& trace, const LayerRecord& layer, std::string_view ranking) {
  std::vector<float> scratch;
  const auto ranked = ranked_rows(layer, 0, trace.layout.tokens(), ranking, scratch);
  if (ranked.data() == scratch.data()) return scratch;
  return {ranked.data(), ranked.data() + ranked.size()};
}

Mask select_run(const RoutingRule& rule, const Trace& trace, std::span<const float> scores,
                std::uint64_t seed) {
  const Layout& layout = trace.layout;
  const std::size_t tokens = layout.tokens(), experts = scores.size() / tokens;
  const auto ordered = in_router_order(layout, experts, scores);
  const auto ids = in_router_order(layout, 1, std::span(trace.tokens));
  const auto valid = in_router_order(layout, 1, std::span(trace.valid));
  Routing routing;
  rule.select({ordered.data(), tokens, experts}, {layout, seed, ids, valid}, routing);
  Mask mask(tokens, experts);
  from_router_order(layout, experts, routing.mask.view().data(), &mask(0, 0));
  return mask;
}

}  // namespace pastonly::replay
