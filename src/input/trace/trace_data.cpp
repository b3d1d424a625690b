#include <cassert>
#include <utility>

#include "pastonly/trace.h"

namespace pastonly {

namespace {

template <class T>
TokenTensor dense(DType type, const T* data, const Layout& layout, std::size_t columns) noexcept {
  TokenTensor tensor;
  tensor.type = type;
  tensor.sequences = layout.sequences;
  tensor.positions = layout.positions;
  tensor.columns = columns;
  tensor.position_stride = columns * sizeof(T);
  tensor.sequence_stride = layout.positions * tensor.position_stride;
  tensor.data = reinterpret_cast<const std::byte*>(data);
  return tensor;
}

std::optional<TokenTensor> floats(const std::vector<float>& values, const Layout& layout,
                                  std::size_t experts) {
  if (values.empty()) return std::nullopt;
  assert(values.size() == layout.tokens() * experts);
  return dense(DType::f32, values.data(), layout, experts);
}

LayerRecord record(const TraceData::Layer& layer, const Layout& layout) {
  assert(layer.mask.tokens() == layout.tokens());
  LayerRecord out;
  out.index = layer.index;
  out.experts = layer.mask.experts();
  out.mask = dense(DType::u8, layer.mask.view().data(), layout, out.experts);
  out.scores = floats(layer.scores, layout, out.experts);
  out.logits = floats(layer.logits, layout, out.experts);
  out.gates = floats(layer.gates, layout, out.experts);
  out.bias = layer.bias;
  return out;
}

}  // namespace

Trace make_trace(TraceData data) {
  const auto owned = std::make_shared<const TraceData>(std::move(data));
  Trace trace;
  trace.path = "(in memory)";
  trace.mode = owned->mode;
  trace.stage = owned->stage;
  trace.vocab = owned->vocab;
  trace.rule = owned->rule;
  trace.producer = owned->producer;
  trace.compute = owned->compute;
  trace.layout = owned->layout;
  trace.tokens = owned->tokens;
  trace.valid = owned->valid;
  trace.log_probs = owned->log_probs;
  trace.predictions = owned->predictions;
  trace.probes = owned->probes;
  trace.tags = owned->tags;
  for (const auto& layer : owned->layers) trace.layers.push_back(record(layer, owned->layout));
  trace.storage = owned;
  return trace;
}

namespace {

std::vector<float> floats_of(const std::optional<TokenTensor>& tensor) {
  if (!tensor) return {};
  std::vector<float> scratch;
  const auto view = read_floats(*tensor, 0, tensor->tokens(), scratch);
  return {view.data(), view.data() + view.size()};
}

TraceData::Layer layer_of(const LayerRecord& record, std::size_t tokens) {
  TraceData::Layer layer;
  layer.index = record.index;
  LayerRecord bare = record;
  bare.gates.reset();
  layer.mask = read_mask(bare);
  layer.scores = floats_of(record.scores);
  layer.logits = floats_of(record.logits);
  if (record.gates) {
    layer.gates.resize(tokens * record.experts);
    read_gates(record, 0, tokens, layer.gates);
  }
  layer.bias = record.bias;
  return layer;
}

}  // namespace

TraceData to_data(const Trace& trace) {
  TraceData data;
  data.mode = trace.mode;
  data.stage = trace.stage;
  data.vocab = trace.vocab;
  data.rule = trace.rule;
  data.producer = trace.producer;
  data.compute = trace.compute;
  data.layout = trace.layout;
  data.tokens = trace.tokens;
  data.valid = trace.valid;
  data.log_probs = trace.log_probs;
  data.predictions = trace.predictions;
  data.probes = trace.probes;
  data.tags = trace.tags;
  for (const LayerRecord& layer : trace.layers) data.layers.push_back(layer_of(layer, trace.layout.tokens()));
  return data;
}

Trace without_layers(Trace trace) {
  trace.layers.clear();
  trace.predictions.clear();
  trace.probes = 0;
  trace.storage.reset();  // only the layers point into it
  return trace;
}

std::string_view name(Mode mode) noexcept {
  switch (mode) {
    case Mode::train:
      return "train";
    case Mode::eval:
      return "eval";
    case Mode::unknown:
      break;
  }
  return "unknown";
}

std::string_view name(Stage stage) noexcept {
  switch (stage) {
    case Stage::selected:
      return "selected";
    case Stage::dispatched:
      return "dispatched";
    case Stage::unknown:
      break;
  }
  return "unknown";
}

}  // namespace pastonly
