// Codes of 8 bits with scales: value = (code - zero point) * scale.
// FP8 (E4M3): DeepSeek-V3, transformers' finegrained_fp8 and fbgemm_fp8, compressed-tensors
// ("float-quantized", "naive-quantized"). I8: compressed-tensors ("int-quantized"), bitsandbytes' LLM.int8(),
// whose SCB is an output's largest magnitude (Dettmers et al. 2022, arXiv 2208.07339).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "checkpoint/packing.h"
#include "checkpoint/quantised.h"
#include "checkpoint/scale_grid.h"
#include "checkpoint/tensor_finder.h"

namespace pastonly::checkpoint {
namespace {

struct ScaledCodes {
  const std::byte* codes = nullptr;  // (outputs, inputs), or (inputs, outputs)
  Encoding encoding = Encoding::e4m3;
  std::size_t outputs = 0, inputs = 0;
  bool inputs_first = false;
  ScaleGrid scales, zeros;
  float factor = 1.0F;  ///< of all scales
};

class ScaledPacking final : public Packing {
 public:
  explicit ScaledPacking(const ScaledCodes& codes) : s_(codes) {}

  void decode(std::size_t first, std::size_t count, float* out) const override {
    if (s_.inputs_first) return decode_inputs(first, count, out);
    std::vector<float> scales(s_.scales.columns), zeros(s_.zeros.columns, 0.0F);
    for (std::size_t o = 0; o < count; ++o, out += s_.inputs) {
      checkpoint::decode(s_.encoding, s_.codes, (first + o) * s_.inputs, s_.inputs, out);
      s_.scales.row(first + o, scales.data());
      if (s_.zeros.exists()) s_.zeros.row(first + o, zeros.data());
      for (std::size_t block = 0; block < scales.size(); ++block) {
        const std::size_t at = block * s_.scales.block_inputs;
        apply(scales[block], s_.zeros.exists() ? zeros[block] : 0.0F, out + at,
              std::min(s_.scales.block_inputs, s_.inputs - at));
      }
    }
  }

  double rounding() const noexcept override { return s_.encoding == Encoding::i8 ? 0x1p-7 : 0x1p-4; }

 private:
  void apply(float scale, float zero, float* values, std::size_t count) const {
    const float by = scale * s_.factor;
    for (std::size_t i = 0; i < count; ++i) values[i] = (values[i] - zero) * by;
  }

  /// (inputs, count)
  void decode_inputs(std::size_t first, std::size_t count, float* out) const {
    std::vector<float> by(count), zeros(count, 0.0F);
    for (std::size_t i = 0; i < s_.inputs; ++i, out += count) {
      if (i % s_.scales.block_inputs == 0) {
        const std::size_t column = i / s_.scales.block_inputs;
        for (std::size_t o = 0; o < count; ++o) {
          by[o] = s_.scales.at(first + o, column) * s_.factor;
          if (s_.zeros.exists()) zeros[o] = s_.zeros.at(first + o, column);
        }
      }
      checkpoint::decode(s_.encoding, s_.codes, i * s_.outputs + first, count, out);
      for (std::size_t o = 0; o < count; ++o) out[o] = (out[o] - zeros[o]) * by[o];
    }
  }

  ScaledCodes s_;
};

/// FP8 has no zero points; compressed-tensors of old wrote zeros all the same.
void pass_over_zeros(TensorFinder& find, const std::string& name) {
  const StoredTensor* zeros = find.look(name);
  if (zeros == nullptr) return;
  if (!holds_zeros(*zeros)) find.reject(*zeros, "zero points of FP8 are not supported; expected zeros");
}

/// LLM.int8(): the scales of an output are its largest magnitude over 127.
std::vector<ScaleGrid> read_scb(TensorFinder& find, const std::string& module, std::size_t outputs,
                                std::size_t inputs) {
  // 0 says that rows are as they were; kernels of old kept them in other orders.
  if (const StoredTensor* order = find.look(module + ".weight_format");
      order != nullptr && !holds_zeros(*order))
    find.reject(*order, "the order of LLM.int8() weights is not supported; expected 0 (row)");
  return read_scales(find, module + ".SCB", std::nullopt, outputs, inputs);
}

}  // namespace

bool is_scaled(const StoredTensor& tensor) noexcept {
  return tensor.dtype == "F8_E4M3" || tensor.dtype == "I8";
}

std::vector<StoredMatrix> scaled(TensorFinder& find, const StoredTensor& codes,
                                 std::optional<std::size_t> experts, std::size_t outputs, std::size_t inputs,
                                 bool inputs_first) {
  const std::string& name = codes.name;
  const bool integers = codes.dtype == "I8", scb = integers && find.has(module_of(name) + ".SCB");
  // In spite of its name, what ends in _inv multiplies as well.
  const std::string scale = name + (find.has(name + "_scale_inv") ? "_scale_inv" : "_scale");
  const std::string zero = name + "_zero_point";
  std::vector<StoredMatrix> out(experts.value_or(1));
  std::vector<ScaleGrid> scales, zeros;
  if (integers && !scb && !find.has(scale)) {
    find.reject(codes, fmt::format("weights of type I8 are supported with scales beside them alone; expected "
                                   "'{}' or '{}.SCB'",
                                   scale, module_of(name)));
    return out;
  }
  scales = scb ? read_scb(find, module_of(name), outputs, inputs)
               : read_scales(find, scale, experts, outputs, inputs);
  if (integers && !scb && (find.has(zero) || find.quantisation().zero_points))
    zeros = read_zero_points(find, zero, scale, scales);
  if (!integers) pass_over_zeros(find, zero);
  if (find.failed() || scales.size() != out.size()) return out;
  const Encoding encoding = integers ? Encoding::i8 : Encoding::e4m3;
  for (std::size_t e = 0; e < out.size(); ++e) {
    const std::byte* data = codes.bytes.data() + e * outputs * inputs;
    out[e] = {.data = data, .outputs = outputs, .inputs = inputs, .inputs_first = inputs_first};
    out[e].packing = std::make_shared<ScaledPacking>(
        ScaledCodes{data, encoding, outputs, inputs, inputs_first, scales[e],
                    zeros.empty() ? ScaleGrid{} : zeros[e], scb ? 1.0F / 127.0F : 1.0F});
  }
  return out;
}

}  // namespace pastonly::checkpoint
