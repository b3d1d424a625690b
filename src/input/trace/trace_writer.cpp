#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "input/trace/trace_file.h"
#include "input/trace/trace_metadata.h"

namespace pastonly::input {

namespace {

template <class T>
Tensor tensor(std::string name, DType type, std::vector<std::size_t> shape, const std::vector<T>& values) {
  return {std::move(name), type, std::move(shape), std::as_bytes(std::span(values))};
}

/// Token ids in the narrowest of I32 and I64 that holds them; `narrow` owns the bytes.
Tensor token_ids(const Layout& layout, const std::vector<std::int64_t>& tokens,
                 std::vector<std::int32_t>& narrow) {
  const std::vector<std::size_t> shape{layout.sequences, layout.positions};
  const bool fits = std::all_of(tokens.begin(), tokens.end(), [](std::int64_t id) {
    return id >= std::numeric_limits<std::int32_t>::min() && id <= std::numeric_limits<std::int32_t>::max();
  });
  if (!fits) return tensor("tokens", DType::i64, shape, tokens);
  narrow.assign(tokens.size(), 0);
  std::transform(tokens.begin(), tokens.end(), narrow.begin(),
                 [](std::int64_t id) { return static_cast<std::int32_t>(id); });
  return tensor("tokens", DType::i32, shape, narrow);
}

std::map<std::string, std::string> trace_metadata(const TraceData& trace) {
  std::map<std::string, std::string> metadata{{"schema", "pastonly.trace/1"}};
  if (trace.mode != Mode::unknown) metadata["mode"] = name(trace.mode);
  if (trace.stage != Stage::unknown) metadata["stage"] = name(trace.stage);
  if (trace.vocab) metadata["vocab"] = fmt::format("{}", *trace.vocab);
  if (trace.compute) metadata["compute"] = compute_name(*trace.compute);
  if (!trace.rule.empty()) metadata["rule"] = trace.rule;
  if (!trace.producer.empty()) metadata["producer"] = trace.producer;
  metadata["layout"] = name(trace.layout.order);
  return metadata;
}

void add_layer(const TraceData::Layer& layer, const Layout& layout, std::vector<Tensor>& out) {
  const std::size_t experts = layer.mask.experts();
  const std::vector<std::size_t> shape{layout.sequences, layout.positions, experts};
  const std::string prefix = fmt::format("layers.{}.", raw(layer.index));
  const auto mask = layer.mask.view();
  out.push_back({prefix + "mask", DType::u8, shape, std::as_bytes(std::span(mask.data(), mask.size()))});
  if (!layer.scores.empty()) out.push_back(tensor(prefix + "scores", DType::f32, shape, layer.scores));
  if (!layer.logits.empty()) out.push_back(tensor(prefix + "logits", DType::f32, shape, layer.logits));
  if (!layer.gates.empty()) out.push_back(tensor(prefix + "gates", DType::f32, shape, layer.gates));
  if (!layer.bias.empty()) out.push_back(tensor(prefix + "bias", DType::f32, {experts}, layer.bias));
}

/// Wide elements first, so that every tensor starts aligned.
void align(std::vector<Tensor>& tensors) {
  std::stable_sort(tensors.begin(), tensors.end(),
                   [](const Tensor& a, const Tensor& b) { return size_of(a.type) > size_of(b.type); });
}

}  // namespace

Expected<void> write_trace(const std::filesystem::path& path, const TraceData& trace) {
  const std::vector<std::size_t> batch{trace.layout.sequences, trace.layout.positions};
  std::vector<Tensor> tensors;
  std::vector<std::int32_t> narrow;
  if (!trace.tokens.empty()) tensors.push_back(token_ids(trace.layout, trace.tokens, narrow));
  if (!trace.valid.empty()) tensors.push_back(tensor("valid", DType::u8, batch, trace.valid));
  if (!trace.log_probs.empty()) tensors.push_back(tensor("logprobs", DType::f64, batch, trace.log_probs));
  if (trace.probes > 0)
    tensors.push_back(
        tensor("predictions", DType::f32, {batch[0], batch[1], trace.probes}, trace.predictions));
  for (const Tag& tag : trace.tags)
    tensors.push_back(tensor("tags." + tag.name, DType::i64, batch, tag.values));
  for (const auto& layer : trace.layers) add_layer(layer, trace.layout, tensors);
  align(tensors);
  return write_safetensors(path, trace_metadata(trace), tensors);
}

Expected<void> write_tokens(const std::filesystem::path& path, const Layout& layout,
                            const std::vector<std::int64_t>& tokens, const std::vector<std::uint8_t>& valid) {
  std::vector<std::int32_t> narrow;
  std::vector<Tensor> tensors{token_ids(layout, tokens, narrow)};
  if (!valid.empty()) {
    tensors.push_back(tensor("valid", DType::u8, {layout.sequences, layout.positions}, valid));
  }
  return write_safetensors(path, {{"schema", "pastonly.tokens/1"}}, tensors);
}

}  // namespace pastonly::input
