#include "comparison/decided_tokens.h"

#include <algorithm>

namespace pastonly::comparison {
namespace {

bool never_routed(const LayerRecord& layer, std::size_t token, std::vector<std::int64_t>& scratch) {
  if (!layer.chosen) return false;
  const auto ids = read_integers(*layer.chosen, token, 1, scratch).row(0);
  return is_placeholder(ids) || std::ranges::all_of(ids, [](std::int64_t id) { return id < 0; });
}

}  // namespace

std::vector<std::uint8_t> decided_tokens(const Trace& trace) {
  std::vector<std::uint8_t> out(trace.layout.tokens(), 1);
  const bool may_drop = trace.layers.size() == 1 && trace.stage == Stage::dispatched;
  std::vector<std::int64_t> scratch;
  for (std::size_t token = 0; token < out.size(); ++token) {
    const bool marked = !trace.layers.empty() && !may_drop &&
                        std::ranges::all_of(trace.layers, [&](const LayerRecord& layer) {
                          return never_routed(layer, token, scratch);
                        });
    out[token] = trace.is_valid(token) && !marked ? 1 : 0;
  }
  return out;
}

bool is_zero_filled(const Trace& trace, std::size_t token) {
  if (!trace.undecided.empty() && trace.undecided[token] == 2) return true;
  std::vector<std::int64_t> scratch;
  return !trace.layers.empty() && std::ranges::all_of(trace.layers, [&](const LayerRecord& layer) {
    return layer.chosen && is_placeholder(read_integers(*layer.chosen, token, 1, scratch).row(0));
  });
}

}  // namespace pastonly::comparison
