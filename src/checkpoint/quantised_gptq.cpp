// GPTQ (Frantar et al. 2022, arXiv 2210.17323) as AutoGPTQ and GPTQModel store it: codes of 4 or 8 bits in
// int32 words along the inputs, the earliest lowest. value = (code - zero point) * scale of the input's
// group. The first format ("gptq") holds zero points less 1, subtracted from whole words, so that a zero
// point of 0 borrows from its neighbour; adding it back to the word gives all of them. "gptq_v2" holds them
// as they are.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "checkpoint/packed_words.h"
#include "checkpoint/quantised.h"
#include "checkpoint/tensor_finder.h"
#include "checkpoint/word_groups.h"

namespace pastonly::checkpoint {
namespace {

struct GptqCodes {
  const std::byte* words = nullptr;  // (packed_words(inputs, bits), outputs) int32
  std::size_t inputs = 0;
  WordGroups beside;
  std::uint32_t added = 0;            ///< to every word of zero points
  const std::byte* groups = nullptr;  // (inputs) int32: the group of an input; nullptr = in order
  std::size_t group = 0;              ///< inputs of a group that are in order
};

class GptqPacking final : public Packing {
 public:
  explicit GptqPacking(const GptqCodes& codes) : c_(codes) {}

  /// (inputs, count)
  void decode(std::size_t first, std::size_t count, float* out) const override {
    const WordGroups& beside = c_.beside;
    const std::size_t bits = beside.bits, each = 32 / bits;
    const std::uint32_t mask = (1U << bits) - 1U;
    std::vector<float> scales(beside.groups * count), zeros(beside.groups * count);
    for (std::size_t g = 0; g < beside.groups; ++g) {
      checkpoint::decode(beside.encoding, beside.scales, g * beside.outputs + first, count,
                         scales.data() + g * count);
      read_zeros(g, first, count, zeros.data() + g * count);
    }
    std::vector<std::uint32_t> words(count);
    for (std::size_t i = 0; i < c_.inputs; ++i, out += count) {
      if (i % each == 0) read_words(i / each * beside.outputs + first, words);
      const float* scale = scales.data() + group_of(i) * count;
      const float* zero = zeros.data() + group_of(i) * count;
      const auto shift = static_cast<std::uint32_t>(i % each * bits);
      for (std::size_t o = 0; o < count; ++o) {
        const auto code = static_cast<std::int32_t>(words[o] >> shift & mask);
        out[o] = (static_cast<float>(code) - zero[o]) * scale[o];
      }
    }
  }

  double rounding() const noexcept override { return c_.beside.bits == 8 ? 0x1p-7 : 0x1p-3; }

 private:
  std::size_t group_of(std::size_t input) const {
    if (c_.groups == nullptr) return input / c_.group;
    // Looked at when it was read; the file may have changed since.
    return std::min<std::size_t>(packed_word(c_.groups, input), c_.beside.groups - 1);
  }

  void read_words(std::size_t at, std::vector<std::uint32_t>& out) const {
    std::memcpy(out.data(), c_.words + at * 4, out.size() * 4);
  }

  void read_zeros(std::size_t group, std::size_t first, std::size_t count, float* out) const {
    const std::size_t bits = c_.beside.bits, each = 32 / bits, line = c_.beside.outputs / each;
    for (std::size_t o = 0; o < count; ++o) {
      const std::uint32_t word = packed_word(c_.beside.zeros, group * line + (first + o) / each) + c_.added;
      out[o] = static_cast<float>(word >> ((first + o) % each * bits) & ((1U << bits) - 1U));
    }
  }

  GptqCodes c_;
};

bool gptq_stands(const Weights& weights, const std::string& name) {
  const std::string module = module_of(name);
  const StoredTensor* words = weights.find(module + ".qweight");
  const StoredTensor* scales = weights.find(module + ".scales");
  // AWQ's words have fewer columns than there are outputs.
  return words != nullptr && words->shape.size() == 2 &&
         (scales == nullptr || scales->shape.size() != 2 || scales->shape[1] == words->shape[1]);
}

/// The bits of the codes of so many inputs: those that config.json states, or others that fit. 0 = none.
std::size_t gptq_bits(const TensorFinder& find, const StoredTensor& words, std::size_t inputs) {
  for (const std::size_t bits : {find.quantisation().bits, std::size_t{4}, std::size_t{8}})
    if (bits != 0 && packed_words(inputs, bits) == words.shape[0]) return bits;
  return 0;
}

/// Which group an input is in: g_idx, else in order.
void read_groups(TensorFinder& find, const std::string& module, GptqCodes& out) {
  const std::size_t groups = out.beside.groups, declared = find.quantisation().group;
  if (const StoredTensor* index = find.look(module + ".g_idx"); index != nullptr) {
    if (index->dtype != "I32" || index->shape != std::vector<std::size_t>{out.inputs})
      return find.reject(*index, fmt::format("expected I32 [{}], found {} {}", out.inputs, index->dtype,
                                             shape_text(index->shape)));
    out.groups = index->bytes.data();
    for (std::size_t i = 0; i < out.inputs; ++i)
      if (const auto group = packed_word(out.groups, i); group >= groups)
        return find.reject(*index, fmt::format("puts input {} into group {} of {}", i,
                                               static_cast<std::int32_t>(group), groups));
    return;
  }
  out.group = declared != 0 ? declared : out.inputs / groups;
  if (out.group == 0 || (out.inputs + out.group - 1) / out.group != groups)
    find.reject(*find.need(module + ".scales"),
                fmt::format("holds {} groups of {} inputs; without g_idx, expected groups of group_size = {}",
                            groups, out.inputs, declared));
}

StoredMatrix read_gptq(TensorFinder& find, const std::string& name, std::size_t outputs, std::size_t inputs) {
  const std::string module = module_of(name);
  StoredMatrix out{.outputs = outputs, .inputs = inputs, .inputs_first = true};
  const StoredTensor* words = find.need(module + ".qweight");
  const std::size_t bits = gptq_bits(find, *words, inputs);
  if (find.quantisation().bits == 0)
    return find.reject(*words,
                       "is of GPTQ, but config.json has no quantization_config of it, which says how "
                       "zero points are kept (older writers: quantize_config.json)"),
           out;
  if (bits == 0 || words->shape[1] != outputs || words->dtype != "I32")
    return find.reject(*words,
                       fmt::format("expected I32 [{}, {}], {} outputs of {} inputs in {} bits; found {} {}",
                                   packed_words(inputs, find.quantisation().bits), outputs, outputs, inputs,
                                   find.quantisation().bits, words->dtype, shape_text(words->shape))),
           out;
  GptqCodes codes{words->bytes.data(), inputs, read_word_groups(find, module, outputs, bits)};
  if (find.failed()) return out;
  if (find.quantisation().zeros_less_one) codes.added = bits == 4 ? 0x11111111U : 0x01010101U;
  read_groups(find, module, codes);
  pass_over_zero_bias(find, module);
  if (find.failed()) return out;
  out.data = codes.words;
  out.packing = std::make_shared<GptqPacking>(codes);
  return out;
}

std::optional<LedMatrix> gptq_led(const TensorFinder& find, const StoredTensor& tensor) {
  constexpr std::string_view suffix = ".qweight";
  if (!tensor.name.ends_with(suffix)) return std::nullopt;
  const std::string module = tensor.name.substr(0, tensor.name.size() - suffix.size());
  if (!gptq_stands(find.weights(), module)) return std::nullopt;
  const StoredTensor* index = find.weights().find(module + ".g_idx");
  const std::size_t bits = std::max<std::size_t>(find.quantisation().bits, 1);
  return LedMatrix{
      module + ".weight", std::nullopt, tensor.shape[1],
      index != nullptr && index->shape.size() == 1 ? index->shape[0] : tensor.shape[0] * (32 / bits)};
}

}  // namespace

const QuantisedFormat gptq_format{gptq_stands, read_gptq, nullptr, gptq_led};

}  // namespace pastonly::checkpoint
