#include "routing/wrappers/permuted.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "stats/random.h"

namespace pastonly::routing {
namespace {

/// values[order[i]] at place i; nothing where there are none.
template <class T>
std::vector<T> reordered(std::span<const T> values, const std::vector<std::size_t>& order) {
  std::vector<T> out;
  if (values.empty()) return out;
  for (const std::size_t from : order) out.push_back(values[from]);
  return out;
}

void put_back(const Mask& routed, const std::vector<std::size_t>& order, Mask& out) {
  out.reset(routed.tokens(), routed.experts());
  for (std::size_t i = 0; i < order.size(); ++i)
    std::copy_n(&routed.view()(i, 0), routed.experts(), &out.view()(order[i], 0));
}

}  // namespace

std::vector<std::size_t> random_order(std::size_t n, std::uint64_t seed) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  stats::CounterRng rng(seed, n);
  for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
  return order;
}

void PermutedRule::select(MatrixView<const float> scores, const RoutingContext& context, Routing& out) const {
  if (scores.empty()) return rule().select(scores, context, out);
  const auto order = random_order(scores.rows(), seed_);
  std::vector<float> moved(scores.size());  // (tokens, experts)
  for (std::size_t i = 0; i < order.size(); ++i)
    std::copy_n(scores.row(order[i]).data(), scores.columns(), moved.data() + i * scores.columns());
  const auto tokens = reordered(context.tokens, order);
  const auto valid = reordered(context.valid, order);
  RoutingContext inner = context;
  inner.tokens = tokens;
  inner.valid = valid;
  Routing routed;
  rule().select({moved.data(), scores.rows(), scores.columns()}, inner, routed);
  put_back(routed.selected, order, out.selected);
  put_back(routed.mask, order, out.mask);
}

}  // namespace pastonly::routing
