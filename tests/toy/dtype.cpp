#include "toy/dtype.h"

#include <bit>
#include <cstdint>
#include <memory>
#include <utility>

namespace pastonly::toy {

std::vector<std::byte> bf16_bytes(const std::vector<float>& values) {
  std::vector<std::byte> out;
  out.reserve(values.size() * 2);
  for (const float value : values) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const auto half = static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
    out.push_back(static_cast<std::byte>(half & 0xFFU));
    out.push_back(static_cast<std::byte>(half >> 8));
  }
  return out;
}

void to_bf16(Trace& trace) {
  struct Statement {
    std::shared_ptr<const void> before;
    std::vector<std::vector<std::byte>> arrays;
  };
  auto held = std::make_shared<Statement>();
  held->before = trace.storage;
  std::vector<float> scratch;
  for (LayerRecord& layer : trace.layers) {
    for (auto* tensor : {&layer.scores, &layer.logits, &layer.gates}) {
      if (!tensor->has_value()) continue;
      const auto values = read_floats(**tensor, 0, (*tensor)->tokens(), scratch);
      held->arrays.push_back(bf16_bytes({values.data(), values.data() + values.size()}));
      TokenTensor& out = **tensor;
      out.type = DType::bf16;
      out.data = held->arrays.back().data();
      out.position_stride = out.columns * 2;
      out.sequence_stride = out.positions * out.position_stride;
    }
  }
  trace.storage = std::move(held);
}

}  // namespace pastonly::toy
