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

/// Where a group begins, and its shape.
struct Extent {
  std::size_t row = 0, position = 0;
  Layout layout;
};

/// Sequences [row, row + layout.sequences) of the batch from that position on, walked in the group's own
/// order.
void gather(MatrixView<const float> scores, const RoutingContext& context, const Extent& extent,
            Gathered& out) {
  out.clear();
  const Layout& batch = context.layout;
  const Layout& layout = extent.layout;
  if (layout.order == TokenOrder::batch_major) {
    for (std::size_t b = 0; b < layout.sequences; ++b) {
      for (std::size_t s = 0; s < layout.positions; ++s)
        out.add(scores, context, batch.router_index(extent.row + b, extent.position + s));
    }
  } else {
    for (std::size_t s = 0; s < layout.positions; ++s) {
      for (std::size_t b = 0; b < layout.sequences; ++b)
        out.add(scores, context, batch.router_index(extent.row + b, extent.position + s));
    }
  }
}

/// Visits all groups of a batch in order. A training step calls this for every layer, and asks for no memory.
template <class Visit>
void each_extent(const GroupingOptions& grouping, const RoutingContext& context, Visit visit) {
  const Layout& batch = context.layout;
  const Layout layout = grouping.group_layout(batch);
  if (!grouping.separator || context.tokens.empty()) {
    for (std::size_t row = 0; row < batch.sequences; row += layout.sequences) visit(Extent{row, 0, layout});
    return;
  }
  for (std::size_t row = 0; row < batch.sequences; ++row) {
    std::size_t first = 0;
    for (std::size_t position = 0; position < batch.positions; ++position) {
      const bool ends = position + 1 == batch.positions ||
                        context.tokens[batch.router_index(row, position)] == *grouping.separator;
      if (!ends) continue;
      visit(Extent{row, first, {1, position + 1 - first, layout.order}});
      first = position + 1;
    }
  }
}

}  // namespace

Layout GroupingOptions::group_layout(const Layout& layout) const noexcept {
  return {per_sequence || separator ? 1 : layout.sequences, layout.positions, order.value_or(layout.order)};
}

void GroupingOptions::write(Parameters& parameters) const {
  parameters.emplace_back("scope", separator ? "document" : per_sequence ? "sequence" : "batch");
  if (separator) parameters.emplace_back("separator", *separator);
  if (order) {
    parameters.emplace_back("order", *order == TokenOrder::batch_major ? "batch-major" : "sequence-major");
  }
  if (padding_counts) parameters.emplace_back("padding", "counts");
}

GroupingOptions read_grouping(ParameterReader& reader, bool per_sequence, bool documents) {
  GroupingOptions grouping;
  const std::size_t usual = per_sequence ? 1 : 0;
  const std::size_t scope = documents ? reader.choice("scope", {"batch", "sequence", "document"}, usual)
                                      : reader.choice("scope", {"batch", "sequence"}, usual);
  grouping.per_sequence = scope == 1;
  if (scope == 2) grouping.separator = static_cast<std::int64_t>(reader.count("separator", std::nullopt, 0));
  grouping.padding_counts = reader.choice("padding", {"skipped", "counts"}, 0) == 1;
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
  const Layout one = grouping_.group_layout(context.layout);
  // Rows of one group lie together, in order, where nothing has to be permuted.
  const bool in_place = one.sequences == 1
                            ? context.layout.order == TokenOrder::batch_major || context.layout.sequences == 1
                            : one.order == context.layout.order;
  Gathered gathered;
  each_extent(grouping_, context, [&](const Extent& extent) {
    Group group{.layout = extent.layout, .seed = context.seed};
    const std::size_t size = extent.layout.tokens();
    if (in_place) {
      group.first_row = extent.row * context.layout.positions + extent.position;
      group.scores = scores.rows(group.first_row, size);
      if (!context.valid.empty()) group.valid = context.valid.subspan(group.first_row, size);
      if (!context.tokens.empty()) group.ids = context.tokens.subspan(group.first_row, size);
    } else {
      gather(scores, context, extent, gathered);
      group.scores = {gathered.scores.data(), size, scores.columns()};
      group.rows = gathered.rows;
      group.valid = gathered.valid;
      group.ids = gathered.ids;
    }
    if (grouping_.padding_counts) group.valid = {};
    route(group, out);
  });
}

Parameters GroupedRule::parameters() const {
  Parameters parameters;
  grouping_.write(parameters);
  return parameters;
}

Dependence GroupedRule::dependence(const Layout& layout, std::size_t experts) const {
  const Layout group = grouping_.group_layout(layout);
  if (group.tokens() == 0 || experts == 0) return {};
  if (grouping_.separator) return document_dependence(group.positions, experts);
  Dependence dependence = group_dependence(group, experts);
  if (group.sequences == 1) dependence.batch = dependence.order = false;
  if (group.positions == 1) dependence.future = false;
  return dependence;
}

Dependence GroupedRule::document_dependence(std::size_t positions, std::size_t experts) const {
  Dependence all;
  for (std::size_t length = 1; length <= positions; ++length) {
    const Dependence one = group_dependence({1, length}, experts);
    // Redrawn tokens can end a document elsewhere: its length is part of the future.
    all.future |= (one.future && length > 1) || (one.length && length < positions);
    all.length |= one.length;
    all.random |= one.random;
  }
  return all;
}

}  // namespace pastonly::routing
