#include "input/trace/apply_selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "input/trace/declared_rule.h"
#include "pastonly/router_order.h"
#include "pastonly/routing_rule.h"

namespace pastonly::input {

namespace {

template <class T>
std::vector<T> in_router_order(const Layout& layout, const std::vector<T>& values) {
  std::vector<T> out(values.size());
  if (!values.empty()) to_router_order(layout, 1, values.data(), out.data());
  return out;
}

}  // namespace

std::vector<std::byte> select_top_k(const LayerRecord& layer, std::size_t k) {
  constexpr std::size_t block = 1024;
  const TokenTensor& ranking = *layer.ranking();
  std::vector<std::byte> mask(ranking.tokens() * layer.experts);
  std::vector<float> scratch, keys(layer.experts);
  for (std::size_t first = 0; first < ranking.tokens(); first += block) {
    const auto scores = read_floats(ranking, first, std::min(block, ranking.tokens() - first), scratch);
    for (std::size_t token = 0; token < scores.rows(); ++token) {
      for (std::size_t expert = 0; expert < layer.experts; ++expert) {
        const float key = scores(token, expert) + (layer.bias.empty() ? 0.0f : layer.bias[expert]);
        keys[expert] = std::isnan(key) ? -std::numeric_limits<float>::infinity() : key;
      }
      std::byte* row = mask.data() + (first + token) * layer.experts;
      for (std::size_t choice = 0; choice < k; ++choice) {
        std::size_t best = layer.experts;
        for (std::size_t expert = 0; expert < layer.experts; ++expert) {
          if (row[expert] == std::byte{0} && (best == layer.experts || keys[expert] > keys[best]))
            best = expert;
        }
        row[best] = std::byte{1};
      }
    }
  }
  return mask;
}

Expected<std::vector<std::byte>> select_as_declared(const Trace& trace, const LayerRecord& layer) {
  const auto fail = [&](const Error& error) {
    return input_error(
        fmt::format("{}: layer {}: the declared rule cannot be applied: {}; use --top-k instead", trace.path,
                    raw(layer.index), error.message));
  };
  const auto spec = declared_rule(trace);
  if (!spec) return fail(spec.error());
  const auto rule = make_rule(spec->id, spec->parameters);
  if (!rule) return fail(rule.error());

  const std::size_t experts = layer.experts;
  std::vector<float> scratch, scores(trace.layout.tokens() * experts);
  const auto recorded = read_floats(*layer.ranking(), 0, trace.layout.tokens(), scratch);
  to_router_order(trace.layout, experts, recorded.data(), scores.data());
  const auto tokens = in_router_order(trace.layout, trace.tokens);
  const auto valid = in_router_order(trace.layout, trace.valid);
  Routing routing;
  (*rule)->select({scores.data(), trace.layout.tokens(), experts}, {trace.layout, 0, tokens, valid}, routing);
  const Mask& outcome = trace.stage == Stage::selected ? routing.selected : routing.mask;
  std::vector<std::byte> mask(trace.layout.tokens() * experts);
  from_router_order(trace.layout, experts, outcome.view().data(), mask.data());
  return mask;
}

}  // namespace pastonly::input
