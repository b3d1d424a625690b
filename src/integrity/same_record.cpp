#include "integrity/same_record.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace pastonly::integrity {
namespace {

using Arrays = std::array<const std::optional<TokenTensor>*, 5>;

Arrays arrays_of(const LayerRecord& layer) {
  return {&layer.logits, &layer.scores, &layer.mask, &layer.chosen, &layer.gates};
}

bool same(const std::optional<TokenTensor>& one, const std::optional<TokenTensor>& other) {
  if (!one || !other) return one.has_value() == other.has_value();
  if (one->type != other->type || one->sequences != other->sequences || one->positions != other->positions ||
      one->columns != other->columns)
    return false;
  const std::size_t row = one->columns * size_of(one->type);
  const auto at = [](const TokenTensor& tensor, std::size_t b, std::size_t s) {
    return tensor.data + b * tensor.sequence_stride + s * tensor.position_stride;
  };
  for (std::size_t b = 0; b < one->sequences; ++b) {
    for (std::size_t s = 0; s < one->positions; ++s) {
      if (std::memcmp(at(*one, b, s), at(*other, b, s), row) != 0) return false;
    }
  }
  return true;
}

template <class Number>
bool same_bits(const std::vector<Number>& one, const std::vector<Number>& other) {
  return one.size() == other.size() &&
         (one.empty() || std::memcmp(one.data(), other.data(), one.size() * sizeof(Number)) == 0);
}

bool same_layer(const LayerRecord& one, const LayerRecord& other) {
  const Arrays mine = arrays_of(one), its = arrays_of(other);
  for (std::size_t i = 0; i < mine.size(); ++i) {
    if (!same(*mine[i], *its[i])) return false;
  }
  return one.index == other.index && one.experts == other.experts && same_bits(one.bias, other.bias);
}

}  // namespace

bool same_record(const Trace& one, const Trace& other) {
  return one.layout == other.layout && same_bits(one.log_probs, other.log_probs) &&
         same_bits(one.predictions, other.predictions) &&
         std::ranges::equal(one.layers, other.layers, same_layer);
}

double recorded_bytes(const Trace& trace) {
  double bytes = static_cast<double>(trace.layout.tokens()) * 8.0 * (trace.log_probs.empty() ? 1.0 : 2.0) +
                 4.0 * static_cast<double>(trace.predictions.size());
  for (const LayerRecord& layer : trace.layers) {
    for (const auto* array : arrays_of(layer)) {
      if (*array)
        bytes += static_cast<double>((*array)->tokens()) * static_cast<double>((*array)->columns) *
                 static_cast<double>(size_of((*array)->type));
    }
  }
  return bytes;
}

}  // namespace pastonly::integrity
