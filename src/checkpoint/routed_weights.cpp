#include "checkpoint/routed_weights.h"

#include <algorithm>

namespace pastonly::checkpoint {
namespace {

double size_of(const Linear& linear) {
  return linear.exists()
             ? static_cast<double>(linear.weight.outputs) * static_cast<double>(linear.weight.inputs)
             : 0.0;
}

/// Numbers in what every token passes of a layer.
double common_of(const LayerWeights& layer) {
  double sum = 0.0;
  const AttentionWeights& attention = layer.attention;
  for (const Linear* linear : {&attention.query_down, &attention.query, &attention.key, &attention.value,
                               &attention.gate, &attention.output, &layer.router, &layer.shared.gate,
                               &layer.shared.up, &layer.shared.down, &layer.shared_gate})
    sum += size_of(*linear);
  return sum;
}

/// Half of the distance between neighbours, relative to the smaller one at most.
double rounding_of(Encoding encoding) {
  switch (encoding) {
    case Encoding::bf16:
      return 0x1p-8;
    case Encoding::f16:
      return 0x1p-11;
    case Encoding::e4m3:
      return 0x1p-4;
    case Encoding::mxfp4:
      return 0x1p-2;
    case Encoding::blocks:  // of few bits or many: the coarsest
      return 0x1p-2;
    case Encoding::f32:
    case Encoding::f64:
      break;
  }
  return 0x1p-24;
}

/// Outputs [first, first + count) as (count, inputs).
void read_rows(const StoredMatrix& matrix, std::size_t first, std::size_t count, float* out) {
  if (!matrix.inputs_first) {
    for (std::size_t i = 0; i < count; ++i) read_row(matrix, first + i, out + i * matrix.inputs);
    return;
  }
  TileScratch scratch;
  const auto lines = tile(matrix, first, count, scratch);  // (inputs, count)
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < matrix.inputs; ++j) out[i * matrix.inputs + j] = lines(j, i);
  }
}

}  // namespace

RoutedWeights::RoutedWeights(const Description& description, const ModelWeights& weights)
    : description_(description), weights_(weights), common_(size_of(weights.head)) {
  for (std::size_t l = 0; l < weights.layers.size(); ++l) {
    common_ += common_of(weights.layers[l]);
    // A router that reads the stream otherwise than its experts has no place in RoutedLayer.
    if (description.layers[l].sparse && weights.layers[l].router_norm.gain.empty()) layers_.push_back(l);
  }
}

RoutedLayer RoutedWeights::layer(std::size_t position) const {
  const LayerWeights& from = weights_.layers[layers_[position]];
  const ExpertDescription& expert = description_.expert;
  RoutedLayer out;
  out.index = LayerIndex{static_cast<std::uint32_t>(layers_[position])};
  out.experts = description_.router.experts;
  out.width = description_.width;
  out.expert_width = expert.width;
  out.router.resize(out.experts * out.width);
  read_rows(from.router.weight, 0, out.experts, out.router.data());
  out.gain = from.before_experts.gain;
  if (out.gain.empty()) out.gain.assign(out.width, 1.0F);  // routers read the stream itself
  out.shift = from.before_experts.bias;
  out.centred = description_.norm == Norm::layer;
  out.rounding = rounding_of(from.router.weight.encoding);
  out.activation = {expert.activation == Activation::clamped, expert.alpha, expert.limit};
  return out;
}

const Linear& RoutedWeights::linear(std::size_t position, std::size_t expert, ExpertMatrix which) const {
  const SwigluWeights& weights = weights_.layers[layers_[position]].experts[expert];
  return which == ExpertMatrix::gate ? weights.gate : which == ExpertMatrix::up ? weights.up : weights.down;
}

void RoutedWeights::read(std::size_t position, std::size_t expert, ExpertMatrix which, std::size_t first,
                         std::size_t count, float* out) const {
  read_rows(linear(position, expert, which).weight, first, count, out);
}

std::vector<float> RoutedWeights::bias(std::size_t position, std::size_t expert, ExpertMatrix which) const {
  return linear(position, expert, which).bias;
}

}  // namespace pastonly::checkpoint
