#include "checkpoint/tensor_finder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "input/text/printable.h"

namespace pastonly::checkpoint {

void TensorFinder::reject(std::string_view message) {
  if (error_.empty()) error_ = input::printable(message);
}

void TensorFinder::reject(const StoredTensor& tensor, std::string_view why) {
  reject(fmt::format("{}: tensor '{}': {}", tensor.file, tensor.name, why));
}

const StoredTensor* TensorFinder::look(const std::string& name) {
  const StoredTensor* tensor = weights_.find(name);
  if (tensor != nullptr) taken_.insert(name);
  return tensor;
}

const StoredTensor* TensorFinder::need(const std::string& name) {
  const StoredTensor* tensor = look(name);
  const std::string where = weights_.files().empty() ? "" : weights_.files().front().path + ": ";
  if (tensor == nullptr) reject(fmt::format("{}tensor '{}' is missing", where, name));
  return tensor;
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
  if (!encoding || *encoding == Encoding::e4m3) {
    reject(fmt::format("{}: tensor '{}': expected F32, F16 or BF16, found {}", tensor->file, name,
                       tensor->dtype));
    return out;
  }
  out.resize(size);
  decode(*encoding, tensor->bytes.data(), 0, size, out.data());
  return out;
}

/// Scales of what enters or leaves a layer: activations stay in float32 here.
void TensorFinder::pass_over_activations(const std::string& name) {
  const std::string module = module_of(name), joint = module == name ? "_" : ".";
  for (const std::string_view what :
       {"input_scale", "activation_scale", "input_scale_ub", "input_global_scale", "input_zero_point",
        "output_scale", "output_zero_point"}) {
    const StoredTensor* scale = look(fmt::format("{}{}{}", module, joint, what));
    if (scale != nullptr && activation_scale_.empty()) activation_scale_ = scale->name;
  }
}

StoredMatrix TensorFinder::matrix(const std::string& name, std::size_t outputs, std::size_t inputs) {
  pass_over_activations(name);
  if (const QuantisedFormat* format = quantised_format(weights_, name))
    return format->read(*this, name, outputs, inputs);
  StoredMatrix out;
  out.outputs = outputs;
  out.inputs = out.line = inputs;
  const StoredTensor* tensor = take(name, {outputs, inputs});
  if (tensor == nullptr) return out;
  if (is_scaled(*tensor))
    return std::move(scaled(*this, *tensor, std::nullopt, outputs, inputs, false).front());
  const auto encoding = tensor->encoding();
  if (!encoding) {
    reject(*tensor, fmt::format("weights of type {} are not supported; expected F32, F16, BF16, F8_E4M3 or "
                                "a quantised layer of docs/checkpoints.md",
                                tensor->dtype));
    return out;
  }
  out.encoding = *encoding;
  out.data = tensor->bytes.data();
  return out;
}

Linear TensorFinder::linear(const std::string& name, std::size_t outputs, std::size_t inputs, bool bias) {
  Linear out;
  out.weight = matrix(name + ".weight", outputs, inputs);
  if (bias) out.bias = vector(name + ".bias", outputs);
  return out;
}

std::vector<StoredMatrix> TensorFinder::stack(const std::string& name, std::size_t experts,
                                              std::size_t outputs, std::size_t inputs, bool inputs_first) {
  pass_over_activations(name);
  std::vector<StoredMatrix> out(experts);
  if (const QuantisedFormat* format = quantised_format(weights_, name)) {
    // Packed experts lie outputs first whatever the family: that is how their writers hold them.
    if (format->stack != nullptr) return format->stack(*this, name, experts, outputs, inputs);
    reject(fmt::format("'{}': experts in one tensor are not supported in this quantisation", name));
    return out;
  }
  const StoredTensor* tensor =
      inputs_first ? take(name, {experts, inputs, outputs}) : take(name, {experts, outputs, inputs});
  if (tensor == nullptr) return out;
  if (is_scaled(*tensor)) return scaled(*this, *tensor, experts, outputs, inputs, inputs_first);
  const auto encoding = tensor->encoding();
  if (!encoding) {
    reject(*tensor,
           fmt::format("weights of type {} are not supported here; expected F32, F16, BF16 or F8_E4M3",
                       tensor->dtype));
    return out;
  }
  for (std::size_t e = 0; e < experts; ++e) {
    StoredMatrix& matrix = out[e];
    matrix.encoding = *encoding;
    matrix.data = tensor->bytes.data() + e * outputs * inputs * bytes_of(*encoding);
    matrix.outputs = outputs;
    matrix.inputs = inputs;
    matrix.inputs_first = inputs_first;
    matrix.line = inputs_first ? outputs : inputs;
  }
  return out;
}

}  // namespace pastonly::checkpoint
