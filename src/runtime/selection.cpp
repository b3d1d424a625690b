#include "runtime/selection.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "pastonly/router_order.h"

namespace pastonly::runtime {

using kernels::Block;

template <class Real>
MatrixView<const float> as_floats(Block<const Real> scores, SelectionScratch& scratch) {
  if constexpr (std::is_same_v<Real, float>) {
    if (scores.stride == scores.columns) return {scores.data, scores.rows, scores.columns};
  }
  scratch.scores.resize(scores.rows, scores.columns);
  for (std::size_t i = 0; i < scores.rows; ++i) {
    for (std::size_t j = 0; j < scores.columns; ++j)
      scratch.scores.row(i)[j] = static_cast<float>(scores(i, j));
  }
  return {scratch.scores.row(0), scores.rows, scores.columns};
}

template <class Real>
void select(const RoutingRule& rule, Block<const Real> scores, const Batch& batch, std::uint64_t seed,
            SelectionScratch& scratch, Routing& out) {
  RoutingContext context{batch.layout, seed, batch.tokens, batch.valid};
  if (batch.layout.order == TokenOrder::batch_major)
    return rule.select(as_floats(scores, scratch), context, out);
  const std::size_t experts = scores.columns;
  scratch.scores.resize(scores.rows, experts);
  to_router_order(batch.layout, experts, scores.data, scratch.scores.row(0));
  scratch.tokens.resize(batch.tokens.size());
  to_router_order(batch.layout, 1, batch.tokens.data(), scratch.tokens.data());
  context.tokens = scratch.tokens;
  if (!batch.valid.empty()) {
    scratch.valid.resize(batch.valid.size());
    to_router_order(batch.layout, 1, batch.valid.data(), scratch.valid.data());
    context.valid = scratch.valid;
  }
  rule.select({scratch.scores.row(0), scores.rows, experts}, context, scratch.routed);
  for (auto [from, to] :
       {std::pair{&scratch.routed.selected, &out.selected}, std::pair{&scratch.routed.mask, &out.mask}}) {
    to->reset(scores.rows, experts);
    from_router_order(batch.layout, experts, from->view().data(), to->view().data());
  }
}

std::vector<float> selection_bias(const RoutingRule& rule, std::size_t experts) {
  std::vector<float> bias(experts, 0.0F);
  const Parameters parameters = rule.parameters();
  const Value* given = find(parameters, "bias");
  const auto* array = given != nullptr ? given->array() : nullptr;
  if (array == nullptr) return bias;
  for (std::size_t e = 0; e < std::min(experts, array->size()); ++e)
    bias[e] = static_cast<float>((*array)[e].number().value_or(0.0));
  return bias;
}

template MatrixView<const float> as_floats<float>(Block<const float>, SelectionScratch&);
template MatrixView<const float> as_floats<double>(Block<const double>, SelectionScratch&);
template void select<float>(const RoutingRule&, Block<const float>, const Batch&, std::uint64_t,
                            SelectionScratch&, Routing&);
template void select<double>(const RoutingRule&, Block<const double>, const Batch&, std::uint64_t,
                             SelectionScratch&, Routing&);

}  // namespace pastonly::runtime
