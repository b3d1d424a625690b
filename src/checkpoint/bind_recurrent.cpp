#include "checkpoint/encoding.h"
#include "checkpoint/recurrent.h"

namespace pastonly::checkpoint {
namespace {

/// Taps of a convolution, (channels, 1, kernel) in the file, as (kernel, channels).
std::vector<float> taps(TensorFinder& find, const std::string& name, std::size_t channels,
                        std::size_t kernel) {
  const StoredTensor* tensor = find.take(name, {channels, 1, kernel});
  if (tensor == nullptr) return {};
  const auto encoding = tensor->encoding();
  if (!encoding || *encoding == Encoding::e4m3) {
    find.reject(tensor->file + ": tensor '" + name + "': expected F32, F16 or BF16, found " + tensor->dtype);
    return {};
  }
  std::vector<float> out(channels * kernel);
  for (std::size_t j = 0; j < kernel; ++j)
    decode_strided(*encoding, tensor->bytes.data(), j, kernel, channels, out.data() + j * channels);
  return out;
}

RecurrentWeights bind_delta(TensorFinder& find, const Description& d, const std::string& name) {
  const DeltaDescription& delta = d.delta;
  RecurrentWeights out;
  if (delta.by_key_heads) {
    out.in = find.linear(name + "in_proj_qkvz", delta.convolved() + delta.values(), d.width, false);
    out.steps = find.linear(name + "in_proj_ba", 2 * delta.value_heads, d.width, false);
  } else {
    out.in = find.linear(name + "in_proj_qkv", delta.convolved(), d.width, false);
    out.gate = find.linear(name + "in_proj_z", delta.values(), d.width, false);
    out.steps = find.linear(name + "in_proj_b", delta.value_heads, d.width, false);
    out.decays = find.linear(name + "in_proj_a", delta.value_heads, d.width, false);
  }
  out.taps = taps(find, name + "conv1d.weight", delta.convolved(), delta.kernel);
  out.decay_log = find.vector(name + "A_log", delta.value_heads);
  out.step_bias = find.vector(name + "dt_bias", delta.value_heads);
  out.norm.gain = find.vector(name + "norm.weight", delta.value_width);
  out.output = find.linear(name + "out_proj", d.width, delta.values(), false);
  return out;
}

RecurrentWeights bind_convolution(TensorFinder& find, const Description& d, const std::string& name) {
  const bool bias = d.convolution.bias;
  RecurrentWeights out;
  out.in = find.linear(name + "in_proj", 3 * d.width, d.width, bias);
  out.taps = taps(find, name + "conv.weight", d.width, d.convolution.kernel);
  if (bias) out.taps_bias = find.vector(name + "conv.bias", d.width);
  out.output = find.linear(name + "out_proj", d.width, d.width, bias);
  return out;
}

RecurrentWeights bind_state_space(TensorFinder& find, const Description& d, const std::string& name) {
  const StateSpaceDescription& space = d.state_space;
  RecurrentWeights out;
  out.in =
      find.linear(name + "in_proj", space.inner() + space.convolved() + space.heads, d.width, space.bias);
  out.taps = taps(find, name + "conv1d.weight", space.convolved(), space.kernel);
  if (space.convolution_bias) out.taps_bias = find.vector(name + "conv1d.bias", space.convolved());
  out.decay_log = find.vector(name + "A_log", space.heads);
  out.step_bias = find.vector(name + "dt_bias", space.heads);
  out.skip = find.vector(name + "D", space.heads);
  out.norm.gain = find.vector(name + "norm.weight", space.inner());
  out.output = find.linear(name + "out_proj", d.width, space.inner(), space.bias);
  return out;
}

}  // namespace

RecurrentWeights bind_recurrent(TensorFinder& find, const Description& description, Mixer mixer,
                                const std::string& layer) {
  switch (mixer) {
    case Mixer::delta:
      return bind_delta(find, description, layer + "linear_attn.");
    case Mixer::convolution:
      return bind_convolution(find, description, layer + "conv.");
    case Mixer::state_space:
      return bind_state_space(find, description, layer + "mamba.");
    case Mixer::attention:
      break;
  }
  return {};
}

}  // namespace pastonly::checkpoint
