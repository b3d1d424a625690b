#include "runtime/selection.h"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace pastonly::runtime {

using kernels::Block;

namespace {

/// Copies rows of `from` (batch-major) to router order, or back.
template <class From, class To>
void reorder(const Layout& layout, std::size_t columns, const From* from, To* to, bool to_router) {
  for (std::size_t row = 0; row < layout.sequences; ++row) {
    for (std::size_t position = 0; position < layout.positions; ++position) {
      const std::size_t token = layout.token(row, position), router = layout.router_index(row, position);
      const From* source = from + (to_router ? token : router) * columns;
      To* target = to + (to_router ? router : token) * columns;
      for (std::size_t c = 0; c < columns; ++c) target[c] = static_cast<To>(source[c]);
    }
  }
}

}  // namespace

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
  reorder(batch.layout, experts, scores.data, scratch.scores.row(0), true);
  scratch.tokens.resize(batch.tokens.size());
  reorder(batch.layout, 1, batch.tokens.data(), scratch.tokens.data(), true);
  context.tokens = scratch.tokens;
  if (!batch.valid.empty()) {
    scratch.valid.resize(batch.valid.size());
    reorder(batch.layout, 1, batch.valid.data(), scratch.valid.data(), true);
    context.valid = scratch.valid;
  }
  rule.select({scratch.scores.row(0), scores.rows, experts}, context, scratch.routed);
  for (auto [from, to] :
       {std::pair{&scratch.routed.selected, &out.selected}, std::pair{&scratch.routed.mask, &out.mask}}) {
    to->reset(scores.rows, experts);
    reorder(batch.layout, experts, from->view().data(), to->view().data(), false);
  }
}

std::vector<float> selection_bias(const RoutingRule& rule, std::size_t experts) {
  std::vector<float> bias(experts, 0.0F);
  for (const auto& [key, value] : rule.parameters()) {
    const auto* array = key == "bias" ? value.get_if<Value::Array>() : nullptr;
    if (array == nullptr) continue;
    for (std::size_t e = 0; e < std::min(experts, array->size()); ++e) {
      if (const auto* number = (*array)[e].get_if<double>()) bias[e] = static_cast<float>(*number);
      if (const auto* whole = (*array)[e].get_if<std::int64_t>()) bias[e] = static_cast<float>(*whole);
    }
  }
  return bias;
}

template MatrixView<const float> as_floats<float>(Block<const float>, SelectionScratch&);
template MatrixView<const float> as_floats<double>(Block<const double>, SelectionScratch&);
template void select<float>(const RoutingRule&, Block<const float>, const Batch&, std::uint64_t,
                            SelectionScratch&, Routing&);
template void select<double>(const RoutingRule&, Block<const double>, const Batch&, std::uint64_t,
                             SelectionScratch&, Routing&);

}  // namespace pastonly::runtime
