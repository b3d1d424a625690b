// E2M1, two in a byte, the earlier one in the low half, with a scale for every few inputs.
// MXFP4: an E8M0 scale for 32 (OCP Microscaling Formats 1.0); gpt-oss names its tensors _blocks and _scales,
// compressed-tensors ("mxfp4-pack-quantized") _packed and _scale. NVFP4 ("nvfp4-pack-quantized"): an E4M3
// scale for 16, divided by one F32 scale of the whole matrix.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "checkpoint/nibble_pairs.h"
#include "checkpoint/quantised.h"
#include "checkpoint/tensor_finder.h"

namespace pastonly::checkpoint {
namespace {

constexpr std::size_t mx_block = 32, nv_block = 16;

struct Fp4Blocks {
  const std::byte* codes = nullptr;   // (outputs, inputs / 2)
  const std::byte* scales = nullptr;  // (outputs, inputs / block)
  Encoding encoding = Encoding::e8m0;
  std::size_t inputs = 0, block = mx_block;
  float divisor = 1.0F;  ///< of the scales
};

const NibblePairs& e2m1_pairs() {
  static const NibblePairs pairs({0.0F, 0.5F, 1.0F, 1.5F, 2.0F, 3.0F, 4.0F, 6.0F, -0.0F, -0.5F, -1.0F, -1.5F,
                                  -2.0F, -3.0F, -4.0F, -6.0F},
                                 true);
  return pairs;
}

class Fp4Packing final : public Packing {
 public:
  explicit Fp4Packing(const Fp4Blocks& blocks) : b_(blocks) {}

  void decode(std::size_t first, std::size_t count, float* out) const override {
    const NibblePairs& pairs = e2m1_pairs();
    std::vector<float> scales(b_.inputs / b_.block);
    for (std::size_t o = first; o < first + count; ++o) {
      checkpoint::decode(b_.encoding, b_.scales, o * scales.size(), scales.size(), scales.data());
      pairs.decode(b_.codes, o * b_.inputs, b_.inputs, out);
      for (const float stored : scales) {
        const float scale = stored / b_.divisor;
        for (std::size_t i = 0; i < b_.block; ++i) out[i] *= scale;
        out += b_.block;
      }
    }
  }

  double rounding() const noexcept override { return 0x1p-2; }

 private:
  Fp4Blocks b_;
};

StoredMatrix fp4_matrix(const Fp4Blocks& blocks, std::size_t outputs) {
  StoredMatrix out{.data = blocks.codes, .outputs = outputs, .inputs = blocks.inputs};
  out.packing = std::make_shared<Fp4Packing>(blocks);
  return out;
}

bool fills_blocks(TensorFinder& find, const std::string& tensor, std::string_view format, std::size_t block,
                  std::size_t inputs) {
  if (inputs % block == 0) return true;
  find.reject(fmt::format("tensor '{}': {} needs a multiple of {} inputs, config.json says {}", tensor,
                          format, block, inputs));
  return false;
}

void expect_type(TensorFinder& find, const StoredTensor& tensor, std::string_view type,
                 std::string_view or_type) {
  if (tensor.dtype != type && tensor.dtype != or_type)
    find.reject(tensor, fmt::format("expected {}, found {}", type, tensor.dtype));
}

// compressed-tensors

bool fp4_stands(const Weights& weights, const std::string& name) {
  const StoredTensor* codes = weights.find(name + "_packed");
  return codes != nullptr && codes->dtype == "U8";
}

/// The one scale of the whole matrix; 1 where there is none to be had.
float global_scale(TensorFinder& find, const std::string& name) {
  const StoredTensor* tensor = find.need(name);
  float out = 1.0F;
  if (tensor == nullptr) return out;
  if (tensor->dtype != "F32" || tensor->bytes.size() != sizeof(float)) {
    find.reject(*tensor,
                fmt::format("expected one F32, found {} {}", tensor->dtype, shape_text(tensor->shape)));
    return out;
  }
  decode(Encoding::f32, tensor->bytes.data(), 0, 1, &out);
  if (!(out > 0.0F)) find.reject(*tensor, fmt::format("holds {}; expected a scale above 0", out));
  return out;
}

StoredMatrix read_fp4(TensorFinder& find, const std::string& name, std::size_t outputs, std::size_t inputs) {
  StoredMatrix none{.outputs = outputs, .inputs = inputs};
  const StoredTensor* scales = find.look(name + "_scale");
  const bool nv = find.has(name + "_global_scale") || (scales != nullptr && scales->dtype == "F8_E4M3");
  const std::size_t block = nv ? nv_block : mx_block;
  if (!fills_blocks(find, name + "_packed", nv ? "NVFP4" : "MXFP4", block, inputs)) return none;
  const StoredTensor* codes = find.take(name + "_packed", {outputs, inputs / 2});
  scales = find.take(name + "_scale", {outputs, inputs / block});
  if (codes == nullptr || scales == nullptr) return none;
  expect_type(find, *scales, nv ? "F8_E4M3" : "U8", nv ? "F8_E4M3" : "F8_E8M0");
  const float divisor = nv ? global_scale(find, name + "_global_scale") : 1.0F;
  if (find.failed()) return none;
  return fp4_matrix({codes->bytes.data(), scales->bytes.data(), nv ? Encoding::e4m3 : Encoding::e8m0, inputs,
                     block, divisor},
                    outputs);
}

std::optional<LedMatrix> fp4_led(const TensorFinder&, const StoredTensor& tensor) {
  constexpr std::string_view suffix = "_packed";
  if (!tensor.name.ends_with(suffix) || tensor.dtype != "U8" || tensor.shape.size() != 2) return std::nullopt;
  return LedMatrix{tensor.name.substr(0, tensor.name.size() - suffix.size()), std::nullopt, tensor.shape[0],
                   tensor.shape[1] * 2};
}

// gpt-oss

bool mxfp4_stands(const Weights& weights, const std::string& name) {
  return weights.find(name + "_blocks") != nullptr;
}

std::vector<StoredMatrix> mxfp4_stack(TensorFinder& find, const std::string& name, std::size_t experts,
                                      std::size_t outputs, std::size_t inputs) {
  std::vector<StoredMatrix> out(experts);
  if (!fills_blocks(find, name + "_blocks", "MXFP4", mx_block, inputs)) return out;
  const std::size_t blocks = inputs / mx_block;
  const StoredTensor* codes = find.take(name + "_blocks", {experts, outputs, blocks, mx_block / 2});
  const StoredTensor* scales = find.take(name + "_scales", {experts, outputs, blocks});
  if (codes == nullptr || scales == nullptr) return out;
  for (const StoredTensor* tensor : {codes, scales}) expect_type(find, *tensor, "U8", "F8_E8M0");
  for (std::size_t e = 0; e < experts; ++e)
    out[e] = fp4_matrix({codes->bytes.data() + e * outputs * inputs / 2,
                         scales->bytes.data() + e * outputs * blocks, Encoding::e8m0, inputs},
                        outputs);
  return out;
}

StoredMatrix mxfp4_alone(TensorFinder& find, const std::string& name, std::size_t outputs,
                         std::size_t inputs) {
  find.reject(
      *find.need(name + "_blocks"),
      "matrices one by one in MXFP4 blocks are not supported; expected those of all experts of a layer "
      "in one tensor, as transformers saves them");
  return {.outputs = outputs, .inputs = inputs};
}

std::optional<LedMatrix> mxfp4_led(const TensorFinder&, const StoredTensor& tensor) {
  constexpr std::string_view suffix = "_blocks";
  const auto& shape = tensor.shape;
  if (!tensor.name.ends_with(suffix) || shape.size() != 4) return std::nullopt;
  return LedMatrix{tensor.name.substr(0, tensor.name.size() - suffix.size()), shape[0], shape[1],
                   shape[2] * mx_block};
}

}  // namespace

const QuantisedFormat fp4_format{fp4_stands, read_fp4, nullptr, fp4_led};
const QuantisedFormat mxfp4_format{mxfp4_stands, mxfp4_alone, mxfp4_stack, mxfp4_led};

}  // namespace pastonly::checkpoint
