#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "pastonly/routing_rule.h"
#include "routing/parameter_reader.h"

namespace pastonly::routing {

/// The tokens that compete with one another, in the order in which the rule takes them: the whole
/// batch, one sequence of it, or one document of a sequence.
struct Group {
  MatrixView<const float> scores{};  // (tokens, experts)
  Layout layout{};                   ///< of these tokens: one sequence where routed per sequence or document
  std::span<const std::size_t> rows{};  ///< row of the outcome for each token; empty = first_row + i
  std::size_t first_row = 0;
  std::span<const std::uint8_t> valid{};  // (tokens) 0 = padding, takes no slot; empty = all valid
  std::span<const std::int64_t> ids{};    // (tokens) token ids; empty where unknown
  std::uint64_t seed = 0;

  std::size_t tokens() const noexcept { return scores.rows(); }
  std::size_t experts() const noexcept { return scores.columns(); }
  bool is_valid(std::size_t token) const noexcept { return pastonly::is_valid(valid, token); }
  std::size_t row(std::size_t token) const noexcept { return rows.empty() ? first_row + token : rows[token]; }
  std::size_t position(std::size_t token) const noexcept {
    return layout.order == TokenOrder::batch_major ? token % layout.positions : token / layout.sequences;
  }
};

/// Which tokens are routed together, and in which order the rule takes them.
struct GroupingOptions {
  bool per_sequence = false;        ///< scope=sequence
  std::optional<TokenOrder> order;  ///< order=...; absent: as the batch's layout says
  /// scope=document: the documents packed into a row are routed separately. Each ends with this token id;
  /// where ids are unknown a row is one document.
  std::optional<std::int64_t> separator;
  bool padding_counts = false;  ///< padding=counts: padding is routed as any token is

  /// The layout of one group of a batch laid out so; of documents the longest possible.
  Layout group_layout(const Layout& layout) const noexcept;
  /// The keys scope, separator, order and padding.
  void write(Parameters& parameters) const;
};
/// `documents`: whether the rule may be routed by document.
GroupingOptions read_grouping(ParameterReader& reader, bool per_sequence = false, bool documents = false);

/// A rule whose tokens compete within groups: cuts a batch into groups, hands each to `route`.
class GroupedRule : public RoutingRule {
 public:
  explicit GroupedRule(GroupingOptions grouping) noexcept : grouping_(grouping) {}

  void select(MatrixView<const float> scores, const RoutingContext& context, Routing& out) const final;
  Dependence dependence(const Layout& layout, std::size_t experts) const final;
  /// Those of the grouping.
  Parameters parameters() const override;

 protected:
  const GroupingOptions& grouping() const noexcept { return grouping_; }

 private:
  /// Writes the rows of its own tokens, which are zero before, into both masks.
  virtual void route(const Group& group, Routing& out) const = 0;
  /// The dependence within one group laid out so. With one sequence, batch and order are cleared.
  virtual Dependence group_dependence(const Layout& layout, std::size_t experts) const = 0;
  /// Of documents of any length up to `positions`.
  Dependence document_dependence(std::size_t positions, std::size_t experts) const;

  GroupingOptions grouping_;
};

}  // namespace pastonly::routing
