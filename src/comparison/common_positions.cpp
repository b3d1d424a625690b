#include "comparison/common_positions.h"

namespace pastonly::comparison {

namespace {

template <class T>
std::vector<T> cut(const std::vector<T>& values, const Layout& layout, std::size_t positions) {
  std::vector<T> out;
  if (values.empty()) return out;
  out.reserve(layout.sequences * positions);
  for (std::size_t row = 0; row < layout.sequences; ++row) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(row * layout.positions);
    out.insert(out.end(), first, first + static_cast<std::ptrdiff_t>(positions));
  }
  return out;
}

}  // namespace

Trace first_positions(const Trace& trace, std::size_t positions) {
  Trace out = trace;
  out.layout.positions = positions;
  out.tokens = cut(trace.tokens, trace.layout, positions);
  out.valid = cut(trace.valid, trace.layout, positions);
  out.log_probs.clear();
  out.predictions.clear();
  out.probes = 0;
  out.tags.clear();
  for (LayerRecord& layer : out.layers) {
    // Strides stay: the views skip what lies behind.
    for (auto* tensor : {&layer.logits, &layer.scores, &layer.mask, &layer.chosen, &layer.gates})
      if (*tensor) (*tensor)->positions = positions;
  }
  return out;
}

bool padding_behind(const Trace& trace, std::size_t positions) noexcept {
  for (std::size_t row = 0; row < trace.layout.sequences; ++row) {
    for (std::size_t position = positions; position < trace.layout.positions; ++position)
      if (trace.is_valid(row * trace.layout.positions + position)) return false;
  }
  return true;
}

}  // namespace pastonly::comparison
