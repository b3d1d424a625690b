#include "checkpoint/tensor_finder.h"

#include <fmt/format.h>

#include <algorithm>

#include "input/text/printable.h"

namespace pastonly::checkpoint {
namespace {

constexpr std::size_t fp8_block = 128;
constexpr std::size_t mxfp4_block = 32;

}  // namespace

void TensorFinder::reject(std::string_view message) {
  if (error_.empty()) error_ = input::printable(message);
}

const StoredTensor* TensorFinder::take(const std::string& name, std::initializer_list<std::size_t> shape) {
  const StoredTensor* tensor = weights_.find(name);
  const std::string expected = shape_text({shape.begin(), shape.size()});
  if (tensor == nullptr) {
    const std::string where = weights_.files().empty() ? "" : weights_.files().front().path + ": ";
    reject(fmt::format("{}tensor '{}' is missing; expected shape {}", where, name, expected));
    return nullptr;
  }
  taken_.insert(name);
  if (!std::ranges::equal(tensor->shape, shape)) {
    reject(fmt::format("{}: tensor '{}': expected shape {} by {}, found {}", tensor->file, name, expected,
                       weights_.described_by(), shape_text(tensor->shape)));
    return nullptr;
  }
  return tensor;
}

std::vector<float> TensorFinder::vector(const std::string& name, std::size_t size) {
  std::vector<float> out;  // allocated once a tensor of that size is there
  const StoredTensor* tensor = take(name, {size});
  if (tensor == nullptr) return out;
  const auto encoding = tensor->encoding();
  if (!encoding || *encoding == Encoding::e4m3 || *encoding == Encoding::blocks) {
    reject(fmt::format("{}: tensor '{}': expected F32, F16 or BF16, found {}", tensor->file, name,
                       tensor->dtype));
    return out;
  }
  out.resize(size);
  decode(*encoding, tensor->bytes.data(), 0, size, out.data());
  return out;
}

void TensorFinder::scale(const std::string& name, StoredMatrix& matrix) {
  if (matrix.encoding != Encoding::e4m3) return;
  const std::string scales = name + "_scale_inv";
  const auto up = [](std::size_t size) { return (size + fp8_block - 1) / fp8_block; };
  const StoredTensor* tensor = take(scales, {up(matrix.outputs), up(matrix.inputs)});
  if (tensor == nullptr) return;
  const auto encoding = tensor->encoding();
  if (!encoding || *encoding == Encoding::e4m3)
    return reject(
        fmt::format("{}: tensor '{}': expected F32 or BF16, found {}", tensor->file, scales, tensor->dtype));
  matrix.scales = {tensor->bytes.data(), *encoding, up(matrix.inputs), fp8_block, fp8_block};
}

StoredMatrix TensorFinder::matrix(const std::string& name, std::size_t outputs, std::size_t inputs) {
  StoredMatrix out;
  out.outputs = outputs;
  out.inputs = out.line = inputs;
  const StoredTensor* tensor = take(name, {outputs, inputs});
  if (tensor == nullptr) return out;
  const auto encoding = tensor->encoding();
  if (!encoding) {
    reject(
        fmt::format("{}: tensor '{}': weights of type {} are not supported; expected F32, F16, BF16 or "
                    "F8_E4M3",
                    tensor->file, name, tensor->dtype));
    return out;
  }
  out.encoding = *encoding;
  out.data = tensor->bytes.data();
  if (*encoding == Encoding::blocks) out.block = find_block_type(tensor->dtype);
  scale(name, out);
  return out;
}

Linear TensorFinder::linear(const std::string& name, std::size_t outputs, std::size_t inputs, bool bias) {
  Linear out;
  out.weight = matrix(name + ".weight", outputs, inputs);
  if (bias) out.bias = vector(name + ".bias", outputs);
  return out;
}

std::vector<StoredMatrix> TensorFinder::packed_stack(const std::string& name, std::size_t experts,
                                                     std::size_t outputs, std::size_t inputs) {
  std::vector<StoredMatrix> out(experts);
  if (inputs % mxfp4_block != 0) {
    reject(fmt::format("tensor '{}_blocks': MXFP4 needs a multiple of {} inputs, config.json says {}", name,
                       mxfp4_block, inputs));
    return out;
  }
  const std::size_t blocks = inputs / mxfp4_block;
  const StoredTensor* values = take(name + "_blocks", {experts, outputs, blocks, mxfp4_block / 2});
  const StoredTensor* scales = take(name + "_scales", {experts, outputs, blocks});
  if (values == nullptr || scales == nullptr) return out;
  for (const StoredTensor* tensor : {values, scales}) {
    if (tensor->dtype != "U8" && tensor->dtype != "F8_E8M0")
      reject(
          fmt::format("{}: tensor '{}': expected U8, found {}", tensor->file, tensor->name, tensor->dtype));
  }
  for (std::size_t e = 0; e < experts; ++e) {
    StoredMatrix& matrix = out[e];
    matrix.encoding = Encoding::mxfp4;
    matrix.data = values->bytes.data() + e * outputs * inputs / 2;
    matrix.block_scales = scales->bytes.data() + e * outputs * blocks;
    matrix.outputs = outputs;
    matrix.inputs = matrix.line = inputs;
  }
  return out;
}

std::vector<StoredMatrix> TensorFinder::stack(const std::string& name, std::size_t experts,
                                              std::size_t outputs, std::size_t inputs, bool inputs_first) {
  if (has(name + "_blocks")) return packed_stack(name, experts, outputs, inputs);
  std::vector<StoredMatrix> out(experts);
  const StoredTensor* tensor =
      inputs_first ? take(name, {experts, inputs, outputs}) : take(name, {experts, outputs, inputs});
  if (tensor == nullptr) return out;
  const auto encoding = tensor->encoding();
  if (!encoding || *encoding == Encoding::e4m3 || *encoding == Encoding::blocks) {
    reject(
        fmt::format("{}: tensor '{}': weights of type {} are not supported here; expected F32, F16 or BF16",
                    tensor->file, name, tensor->dtype));
    return out;
  }
  for (std::size_t e = 0; e < experts; ++e) {
    StoredMatrix& matrix = out[e];
    matrix.encoding = *encoding;
    matrix.data = tensor->bytes.data() + e * outputs * inputs * bits_of(*encoding) / 8;
    matrix.outputs = outputs;
    matrix.inputs = inputs;
    matrix.inputs_first = inputs_first;
    matrix.line = inputs_first ? outputs : inputs;
  }
  return out;
}

}  // namespace pastonly::checkpoint
