// AWQ (Lin et al. 2023, arXiv 2306.00978) in AutoAWQ's GEMM format: codes of 4 bits in int32 words along the
// outputs; a word holds outputs 0, 2, 4, 6, 1, 3, 5, 7 of its eight from the lowest bits on, and zero points
// likewise. value = (code - zero point) * scale of the input's group.
#include <fmt/format.h>

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "checkpoint/packed_words.h"
#include "checkpoint/quantised.h"
#include "checkpoint/tensor_finder.h"
#include "checkpoint/word_groups.h"

namespace pastonly::checkpoint {
namespace {

constexpr std::size_t awq_bits = 4, awq_each = 8;
constexpr std::array<std::uint32_t, awq_each> awq_shifts{0, 16, 4, 20, 8, 24, 12, 28};  ///< of outputs 0 to 7

class AwqPacking final : public Packing {
 public:
  AwqPacking(const std::byte* words, std::size_t inputs, const WordGroups& beside)
      : words_(words), inputs_(inputs), beside_(beside) {}

  /// (inputs, count)
  void decode(std::size_t first, std::size_t count, float* out) const override {
    const std::size_t group = inputs_ / beside_.groups, skipped = first % awq_each;
    std::vector<float> scales(count), zeros, codes;
    for (std::size_t i = 0; i < inputs_; ++i, out += count) {
      if (i % group == 0) {
        checkpoint::decode(beside_.encoding, beside_.scales, i / group * beside_.outputs + first, count,
                           scales.data());
        read_line(beside_.zeros, i / group, first, count, zeros);
      }
      read_line(words_, i, first, count, codes);
      for (std::size_t o = 0; o < count; ++o) out[o] = (codes[skipped + o] - zeros[skipped + o]) * scales[o];
    }
  }

  double rounding() const noexcept override { return 0x1p-3; }

 private:
  /// The codes of the whole words that hold outputs [first, first + count) of a line.
  void read_line(const std::byte* words, std::size_t line, std::size_t first, std::size_t count,
                 std::vector<float>& out) const {
    const std::size_t from = first / awq_each, end = (first + count + awq_each - 1) / awq_each;
    out.resize((end - from) * awq_each);
    float* to = out.data();
    for (std::size_t w = from; w < end; ++w, to += awq_each) {
      const std::uint32_t word = packed_word(words, line * (beside_.outputs / awq_each) + w);
      for (std::size_t k = 0; k < awq_each; ++k)
        to[k] = static_cast<float>(static_cast<std::int32_t>(word >> awq_shifts[k] & 15U));
    }
  }

  const std::byte* words_;  // (inputs, outputs / 8) int32
  std::size_t inputs_;
  WordGroups beside_;
};

bool awq_stands(const Weights& weights, const std::string& name) {
  return weights.find(module_of(name) + ".qweight") != nullptr && !gptq_format.stands(weights, name);
}

StoredMatrix read_awq(TensorFinder& find, const std::string& name, std::size_t outputs, std::size_t inputs) {
  const std::string module = module_of(name);
  StoredMatrix out{.outputs = outputs, .inputs = inputs, .inputs_first = true};
  const StoredTensor* words = find.take(module + ".qweight", {inputs, outputs / awq_each});
  if (words == nullptr) return out;
  if (words->dtype != "I32")
    return find.reject(*words, fmt::format("expected I32, found {}", words->dtype)), out;
  const WordGroups beside = read_word_groups(find, module, outputs, awq_bits);
  if (find.failed()) return out;
  if (inputs % beside.groups != 0)
    return find.reject(*find.need(module + ".scales"),
                       fmt::format("holds {} groups, which do not divide {} inputs", beside.groups, inputs)),
           out;
  pass_over_zero_bias(find, module);
  out.data = words->bytes.data();
  out.packing = std::make_shared<AwqPacking>(out.data, inputs, beside);
  return out;
}

std::optional<LedMatrix> awq_led(const TensorFinder& find, const StoredTensor& tensor) {
  constexpr std::string_view suffix = ".qweight";
  if (!tensor.name.ends_with(suffix) || tensor.shape.size() != 2) return std::nullopt;
  const std::string module = tensor.name.substr(0, tensor.name.size() - suffix.size());
  if (!awq_stands(find.weights(), module)) return std::nullopt;
  return LedMatrix{module + ".weight", std::nullopt, tensor.shape[1] * awq_each, tensor.shape[0]};
}

}  // namespace

const QuantisedFormat awq_format{awq_stands, read_awq, nullptr, awq_led};

}  // namespace pastonly::checkpoint
