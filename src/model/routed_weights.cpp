#include "model/routed_weights.h"

#include <algorithm>

namespace pastonly::model {
namespace {

/// Numbers in matrices that every token passes.
double common_of(const ParameterTable& table) {
  double sum = static_cast<double>(table[table.head_or_embedding()].size());
  for (const LayerTensors& layer : table.layers) {
    for (const auto& id : {layer.qkv, layer.attention, layer.dense_in, layer.dense_out, layer.router,
                           layer.noise, layer.shared_in, layer.shared_out, layer.shared_gate})
      sum += id ? static_cast<double>(table[*id].size()) : 0.0;
  }
  return sum;
}

}  // namespace

RoutedWeights::RoutedWeights(const Network<float>& network)
    : network_(network), common_(common_of(network.table())) {
  const ModelConfig& config = network.config();
  if (config.router.score != Score::autonomy) layers_ = config.layers - config.dense_layers;
}

RoutedLayer RoutedWeights::layer(std::size_t position) const {
  const ModelConfig& config = network_.config();
  const std::size_t index = config.dense_layers + position;
  const LayerTensors& tensors = network_.table().layers[index];
  RoutedLayer out;
  out.index = LayerIndex{static_cast<std::uint32_t>(index)};
  out.experts = config.experts;
  out.width = config.width;
  out.expert_width = config.expert_width;
  Matrix<float> directions;
  if (!tensors.router) network_.routers()[index].centroids.directions(directions);
  const float* rows = tensors.router ? network_.parameters().data(*tensors.router) : directions.row(0);
  out.router.assign(rows, rows + config.experts * config.width);
  const float* gain = network_.parameters().data(*tensors.norm2);
  out.gain.assign(gain, gain + config.width);
  out.rounding = 0x1p-24;
  return out;
}

void RoutedWeights::read(std::size_t position, std::size_t expert, ExpertMatrix which, std::size_t first,
                         std::size_t count, float* out) const {
  const ModelConfig& config = network_.config();
  const LayerTensors& tensors = network_.table().layers[config.dense_layers + position];
  const bool down = which == ExpertMatrix::down;
  const auto matrix = network_.parameters().expert(down ? *tensors.expert_out : *tensors.expert_in, expert);
  const std::size_t row = first + (which == ExpertMatrix::up ? config.expert_width : 0);
  std::copy(matrix.row(row), matrix.row(row) + count * matrix.columns, out);
}

}  // namespace pastonly::model
