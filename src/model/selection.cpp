#include "model/selection.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "stats/random.h"

namespace pastonly::model {
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

}  // namespace

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

template <class Real>
void learn(RoutingRule& rule, Block<const Real> scores, const Mask& mask, SelectionScratch& scratch) {
  rule.learn(as_floats(scores, scratch), mask);
}

Expected<std::unique_ptr<RoutingRule>> make_layer_rule(const RouterConfig& config,
                                                       const Parameters& parameters) {
  if (config.score != Score::noisy || config.rule.id != "noisy-top-k")
    return make_rule(config.rule.id, parameters);
  Parameters own = parameters;
  std::erase_if(own, [](const auto& entry) { return entry.first == "noise"; });
  return make_rule("top-k", own);
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

Centroids::Centroids(std::size_t experts, std::size_t width, std::uint64_t seed, std::uint64_t stream)
    : experts_(experts), width_(width), values_(experts * width) {
  stats::CounterRng random(seed, stream);
  for (double& value : values_) value = random.normal() / std::sqrt(static_cast<double>(width));
}

template <class Real>
void Centroids::learn(Block<const Real> x, const Mask& mask, double rate) {
  std::vector<double> sums(values_.size(), 0.0);  // (experts, width)
  std::vector<std::size_t> counts(experts_, 0);
  for (std::size_t t = 0; t < x.rows; ++t) {
    double square = 0.0;
    for (std::size_t j = 0; j < width_; ++j)
      square += static_cast<double>(x(t, j)) * static_cast<double>(x(t, j));
    if (!(square > 0.0)) continue;
    for (std::size_t e = 0; e < experts_; ++e) {
      if (mask(t, e) == 0) continue;
      ++counts[e];
      for (std::size_t j = 0; j < width_; ++j)
        sums[e * width_ + j] += static_cast<double>(x(t, j)) / std::sqrt(square);
    }
  }
  for (std::size_t e = 0; e < experts_; ++e) {
    if (counts[e] == 0) continue;
    for (std::size_t j = 0; j < width_; ++j) {
      double& value = values_[e * width_ + j];
      value += rate * (sums[e * width_ + j] / static_cast<double>(counts[e]) - value);
    }
  }
}

template <class Real>
void Centroids::directions(Matrix<Real>& out) const {
  out.resize(experts_, width_);
  for (std::size_t e = 0; e < experts_; ++e) {
    double square = 0.0;
    for (std::size_t j = 0; j < width_; ++j) square += values_[e * width_ + j] * values_[e * width_ + j];
    const double inverse = square > 0.0 ? 1.0 / std::sqrt(square) : 0.0;
    for (std::size_t j = 0; j < width_; ++j)
      out.row(e)[j] = static_cast<Real>(values_[e * width_ + j] * inverse);
  }
}

#define PASTONLY_SELECTION(Real)                                                                 \
  template void select<Real>(const RoutingRule&, Block<const Real>, const Batch&, std::uint64_t, \
                             SelectionScratch&, Routing&);                                       \
  template void learn<Real>(RoutingRule&, Block<const Real>, const Mask&, SelectionScratch&);    \
  template void Centroids::learn<Real>(Block<const Real>, const Mask&, double);                  \
  template void Centroids::directions<Real>(Matrix<Real>&) const;
PASTONLY_SELECTION(float)
PASTONLY_SELECTION(double)
#undef PASTONLY_SELECTION

}  // namespace pastonly::model
