#include "routing/identify/shared/reproduces.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "pastonly/router_order.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t start_tokens = 128;

template <class T>
std::vector<T> in_router_order(const Layout& layout, std::size_t columns, const T* values) {
  std::vector<T> out(layout.tokens() * columns);
  to_router_order(layout, columns, values, out.data());
  return out;
}

/// The first `layout.tokens()` tokens of the view, as a batch laid out so.
bool reproduces(const RunView& view, const Layout& layout, const RoutingRule& rule) {
  const std::size_t experts = view.experts();
  const auto scores = in_router_order(layout, experts, view.scores().data());
  std::vector<std::int64_t> ids;
  if (view.run().tokens.size() >= layout.tokens()) ids = in_router_order(layout, 1, view.run().tokens.data());
  std::vector<std::uint8_t> valid;
  if (view.has_padding()) valid = in_router_order(layout, 1, view.run().valid.data());
  Routing routing;
  rule.select({scores.data(), layout.tokens(), experts}, {layout, 0, ids, valid}, routing);
  bool same = true;
  for_each_router_index(layout, [&](std::size_t token, std::size_t index) {
    same = same && std::ranges::equal(routing.mask.view().row(index), view.mask().row(token));
  });
  return same;
}

}  // namespace

bool reproduces(const RunSet& runs, std::size_t i, const RoutingRule& rule) {
  const auto view = runs.view(i);
  return reproduces(*view, view->layout(), rule);
}

bool reproduces(const RunSet& runs, const RoutingRule& rule) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (!reproduces(runs, i, rule)) return false;
  }
  return true;
}

bool reproduces_start(const RunSet& runs, const RoutingRule& rule) {
  const auto view = runs.view(0);
  return reproduces(*view, {1, std::min(start_tokens, view->layout().positions)}, rule);
}

}  // namespace pastonly::routing::hypotheses
