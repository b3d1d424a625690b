#include "routing/identify/shared/reproduces.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t start_tokens = 128;

/// The first rows and positions of the view that `layout` names, as a batch laid out so.
bool reproduces(const RunView& view, const Layout& layout, const RoutingRule& rule) {
  const std::size_t experts = view.experts(), tokens = layout.tokens();
  const bool knows_ids = view.run().tokens.size() == view.tokens();
  std::vector<std::size_t> recorded(tokens);  // where the view holds a token, in router order
  for (std::size_t row = 0; row < layout.sequences; ++row) {
    for (std::size_t position = 0; position < layout.positions; ++position)
      recorded[layout.router_index(row, position)] = view.layout().token(row, position);
  }
  std::vector<float> scores;        // (tokens, experts)
  std::vector<std::int64_t> ids;    // (tokens) or empty
  std::vector<std::uint8_t> valid;  // (tokens) or empty
  scores.reserve(tokens * experts);
  for (const std::size_t token : recorded) {
    const auto row = view.scores().row(token);
    scores.insert(scores.end(), row.begin(), row.end());
    if (knows_ids) ids.push_back(view.run().tokens[token]);
    if (view.has_padding()) valid.push_back(view.run().valid[token]);
  }
  Routing routing;
  rule.select({scores.data(), tokens, experts}, {layout, 0, ids, valid}, routing);
  for (std::size_t index = 0; index < tokens; ++index) {
    if (!std::ranges::equal(routing.mask.view().row(index), view.mask().row(recorded[index]))) return false;
  }
  return true;
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

bool reproduces_start(const RunSet& runs, const Grouping& grouping, const RoutingRule& rule) {
  const auto view = runs.view(0);
  const Layout& all = view->layout();
  const bool by_row = grouping.per_sequence || grouping.order == TokenOrder::batch_major;
  const std::size_t rows = by_row ? 1 : all.sequences;
  const std::size_t positions = std::max<std::size_t>(1, start_tokens / rows);
  return reproduces(*view, {rows, std::min(positions, all.positions), grouping.order}, rule);
}

}  // namespace pastonly::routing::hypotheses
