#include "routing/selection/group.h"

#include <algorithm>
#include <string>
#include <vector>

namespace pastonly::routing {

namespace {

/// One group's tokens copied into the order in which the rule takes them.
struct Gathered {
  std::vector<float> scores;        // (tokens, experts)
  std::vector<std::size_t> rows;    // (tokens)
  std::vector<std::uint8_t> valid;  // (tokens) or empty
  std::vector<std::int64_t> ids;    // (tokens) or empty

  void clear() {
    scores.clear();
    rows.clear();
    valid.clear();
    ids.clear();
  }
  void add(MatrixView<const float> from, const RoutingContext& context, std::size_t row) {
    const auto values = from.row(row);
    scores.insert(scores.end(), values.begin(), values.end());
    rows.push_back(row);
    if (!context.valid.empty()) valid.push_back(context.valid[row]);
    if (!context.tokens.empty()) ids.push_back(context.tokens[row]);
  }
};

/// Sequences [first, first + layout.sequences) of the batch, walked in the group's own order.
void gather(MatrixView<const float> scores, const RoutingContext& context, const Layout& layout,
            std::size_t first, Gathered& out) {
  out.clear();
  const Layout& batch = context.layout;
  if (layout.order == TokenOrder::batch_major) {
    for (std::size_t b = 0; b < layout.sequences; ++b) {
      for (std::size_t s = 0; s < layout.positions; ++s)
        out.add(scores, context, batch.router_index(first + b, s));
    }
  } else {
    for (std::size_t s = 0; s < layout.positions; ++s) {
      for (std::size_t b = 0; b < layout.sequences; ++b)
        out.add(scores, context, batch.router_index(first + b, s));
    }
  }
}

}  // namespace

Layout GroupingOptions::group_layout(const Layout& layout) const noexcept {
  return {per_sequence ? 1 : layout.sequences, layout.positions, order.value_or(layout.order)};
}

void GroupingOptions::write(Parameters& parameters) const {
  parameters.emplace_back("scope", per_sequence ? "sequence" : "batch");
  if (order) {
    parameters.emplace_back("order", *order == TokenOrder::batch_major ? "batch-major" : "sequence-major");
  }
}

GroupingOptions read_grouping(ParameterReader& reader, bool per_sequence) {
  GroupingOptions grouping;
  grouping.per_sequence = reader.choice("scope", {"batch", "sequence"}, per_sequence ? 1 : 0) == 1;
  if (reader.has("order")) {
    grouping.order = reader.choice("order", {"batch-major", "sequence-major"}, 0) == 0
                         ? TokenOrder::batch_major
                         : TokenOrder::sequence_major;
  }
  return grouping;
}

void GroupedRule::select(MatrixView<const float> scores, const RoutingContext& context, Routing& out) const {
  out.selected.reset(scores.rows(), scores.columns());
  out.mask.reset(scores.rows(), scores.columns());
  if (scores.empty()) return;
  const Layout layout = grouping_.group_layout(context.layout);
  const std::size_t size = layout.tokens();
  // Rows of one group lie together, in order, where nothing has to be permuted.
  const bool in_place = layout.sequences == 1
                            ? context.layout.order == TokenOrder::batch_major || context.layout.sequences == 1
                            : layout.order == context.layout.order;
  Gathered gathered;
  for (std::size_t first = 0; first < context.layout.sequences; first += layout.sequences) {
    Group group{.layout = layout, .seed = context.seed};
    if (in_place) {
      group.first_row = first * layout.positions;
      group.scores = scores.rows(group.first_row, size);
      if (!context.valid.empty()) group.valid = context.valid.subspan(group.first_row, size);
      if (!context.tokens.empty()) group.ids = context.tokens.subspan(group.first_row, size);
    } else {
      gather(scores, context, layout, first, gathered);
      group.scores = {gathered.scores.data(), size, scores.columns()};
      group.rows = gathered.rows;
      group.valid = gathered.valid;
      group.ids = gathered.ids;
    }
    route(group, out);
  }
}

Parameters GroupedRule::parameters() const {
  Parameters parameters;
  grouping_.write(parameters);
  return parameters;
}

Dependence GroupedRule::dependence(const Layout& layout, std::size_t experts) const {
  const Layout group = grouping_.group_layout(layout);
  if (group.tokens() == 0 || experts == 0) return {};
  Dependence dependence = group_dependence(group, experts);
  if (group.sequences == 1) dependence.batch = dependence.order = false;
  if (group.positions == 1) dependence.future = false;
  return dependence;
}

}  // namespace pastonly::routing
