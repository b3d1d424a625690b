#include "checkpoint/gguf_packing.h"

#include <memory>
#include <optional>

#include "checkpoint/gguf_blocks.h"
#include "checkpoint/quantised.h"
#include "checkpoint/tensor_finder.h"

namespace pastonly::checkpoint {
namespace {

/// Blocks of ggml, line by line; a line is a whole number of them.
class BlockPacking final : public Packing {
 public:
  BlockPacking(const std::byte* data, const BlockType& type, std::size_t inputs)
      : data_(data), type_(type), blocks_(inputs / type.numbers) {}

  void decode(std::size_t first, std::size_t count, float* out) const override {
    type_.decode(data_ + first * blocks_ * type_.bytes, count * blocks_, out);
  }
  double rounding() const noexcept override { return 0x1p-2; }  // of few bits or many: the coarsest

 private:
  const std::byte* data_;
  const BlockType& type_;
  std::size_t blocks_;  ///< of a line
};

bool holds_blocks(const StoredTensor* tensor) {
  const BlockType* type = tensor != nullptr ? find_block_type(tensor->dtype) : nullptr;
  return type != nullptr && type->decode != nullptr;
}

bool stands(const Weights& weights, const std::string& name) { return holds_blocks(weights.find(name)); }

StoredMatrix read(TensorFinder& find, const std::string& name, std::size_t outputs, std::size_t inputs) {
  const StoredTensor* tensor = find.take(name, {outputs, inputs});
  if (tensor == nullptr) return {.outputs = outputs, .inputs = inputs};
  return gguf_matrix(*tensor, outputs, inputs);
}

}  // namespace

const QuantisedFormat gguf_format{stands, read, nullptr, [](const TensorFinder&, const StoredTensor&) {
                                    return std::optional<LedMatrix>();
                                  }};

StoredMatrix gguf_matrix(const StoredTensor& tensor, std::size_t outputs, std::size_t inputs) {
  StoredMatrix out{.data = tensor.bytes.data(), .outputs = outputs, .inputs = inputs};
  out.line = inputs;
  if (holds_blocks(&tensor)) {
    out.packing = std::make_shared<BlockPacking>(out.data, *find_block_type(tensor.dtype), inputs);
  } else if (const auto encoding = tensor.encoding()) {
    out.encoding = *encoding;
  }
  return out;
}

}  // namespace pastonly::checkpoint
