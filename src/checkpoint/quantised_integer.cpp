// compressed-tensors' "pack-quantized": integers of 4 or 8 bits in int32 words along the inputs, the earliest
// lowest, each plus half of their range. value = (integer - zero point) * scale; zero points are packed in
// the same way along the outputs.
#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <utility>

#include "checkpoint/nibble_pairs.h"
#include "checkpoint/packed_words.h"
#include "checkpoint/quantised.h"
#include "checkpoint/scale_grid.h"
#include "checkpoint/tensor_finder.h"

namespace pastonly::checkpoint {
namespace {

constexpr std::string_view integer_suffix = "_packed";

struct PackedIntegers {
  const std::byte* words = nullptr;  // (outputs, packed_words(inputs, bits)) int32
  std::size_t bits = 0, inputs = 0;
  ScaleGrid scales;
  const std::byte* zeros = nullptr;   // (packed_words(outputs, bits), scales.columns) int32; nullptr = none
  const std::byte* groups = nullptr;  // (inputs) int32: the column of scales; nullptr = in order
};

const NibblePairs& integer_pairs() {
  static const NibblePairs pairs({-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7}, true);
  return pairs;
}

class IntegerPacking final : public Packing {
 public:
  explicit IntegerPacking(const PackedIntegers& integers) : p_(integers) {}

  void decode(std::size_t first, std::size_t count, float* out) const override {
    std::vector<float> scales(p_.scales.columns), zeros(p_.scales.columns, 0.0F);
    for (std::size_t o = first; o < first + count; ++o, out += p_.inputs) {
      codes(o, out);
      p_.scales.row(o, scales.data());
      if (p_.zeros != nullptr) read_zeros(o, zeros);
      if (p_.groups != nullptr) {
        for (std::size_t i = 0; i < p_.inputs; ++i) {
          const std::size_t g = std::min<std::size_t>(packed_word(p_.groups, i), scales.size() - 1);
          out[i] = (out[i] - zeros[g]) * scales[g];
        }
        continue;
      }
      for (std::size_t g = 0; g < scales.size(); ++g) {
        const std::size_t at = g * p_.scales.block_inputs;
        const std::size_t end = std::min(p_.inputs, at + p_.scales.block_inputs);
        const float zero = zeros[g], scale = scales[g];
        for (std::size_t i = at; i < end; ++i) out[i] = (out[i] - zero) * scale;
      }
    }
  }

  double rounding() const noexcept override { return p_.bits == 8 ? 0x1p-7 : 0x1p-3; }

 private:
  void codes(std::size_t output, float* out) const {
    const std::byte* line = p_.words + output * packed_words(p_.inputs, p_.bits) * 4;
    if (p_.bits == 4) return integer_pairs().decode(line, 0, p_.inputs, out);
    for (std::size_t i = 0; i < p_.inputs; ++i)
      out[i] = static_cast<float>(std::to_integer<int>(line[i]) - 128);
  }

  void read_zeros(std::size_t output, std::vector<float>& out) const {
    const std::size_t each = 32 / p_.bits, shift = output % each * p_.bits;
    const std::uint32_t mask = (1U << p_.bits) - 1U;
    const float half = static_cast<float>(1U << (p_.bits - 1));
    for (std::size_t g = 0; g < out.size(); ++g)
      out[g] =
          static_cast<float>(packed_word(p_.zeros, output / each * out.size() + g) >> shift & mask) - half;
  }

  PackedIntegers p_;
};

bool integer_stands(const Weights& weights, const std::string& name) {
  const StoredTensor* words = weights.find(name + std::string(integer_suffix));
  return words != nullptr && words->dtype == "I32";
}

/// The bits of a code, by how many words a line of codes takes; 0 where that leaves it open.
std::size_t bits_by_shape(std::size_t words, std::size_t inputs) {
  const bool four = packed_words(inputs, 4) == words, eight = packed_words(inputs, 8) == words;
  return four == eight ? 0 : four ? 4 : 8;
}

/// The shape that a tensor beside it states, ([experts,] outputs, inputs); empty where it holds none.
std::vector<std::size_t> stated_shape(const StoredTensor* tensor) {
  std::vector<std::size_t> out;
  if (tensor == nullptr || (tensor->dtype != "I64" && tensor->dtype != "I32")) return out;
  const std::size_t size = tensor->dtype == "I64" ? 8 : 4, count = tensor->bytes.size() / size;
  for (std::size_t i = 0; i < std::min<std::size_t>(count, 3); ++i) {
    std::uint64_t value = 0;
    std::memcpy(&value, tensor->bytes.data() + i * size, size);
    out.push_back(static_cast<std::size_t>(value));
  }
  return out;
}

/// Of one matrix, or of the matrices of all experts in one tensor.
class IntegerReader {
 public:
  IntegerReader(TensorFinder& find, const std::string& name, std::optional<std::size_t> experts,
                std::size_t outputs, std::size_t inputs)
      : find_(find), name_(name), experts_(experts), outputs_(outputs), inputs_(inputs) {}

  std::vector<StoredMatrix> run() {
    std::vector<StoredMatrix> out(experts_.value_or(1));
    const StoredTensor* words = read_words();
    const auto scales = read_scales(find_, name_ + "_scale", experts_, outputs_, inputs_);
    if (find_.failed()) return out;
    const std::size_t columns = scales.front().columns;
    const StoredTensor* zeros = read_zeros(scales.front());
    const StoredTensor* groups = read_groups(columns);
    if (find_.failed()) return out;
    const auto part = [](const StoredTensor* tensor, std::size_t at) {
      return tensor == nullptr ? nullptr : tensor->bytes.data() + at * 4;
    };
    for (std::size_t e = 0; e < out.size(); ++e) {
      const PackedIntegers packed{part(words, e * outputs_ * packed_words(inputs_, bits_)),
                                  bits_,
                                  inputs_,
                                  scales[e],
                                  part(zeros, e * packed_words(outputs_, bits_) * columns),
                                  part(groups, e * inputs_)};
      out[e] = {.data = packed.words, .outputs = outputs_, .inputs = inputs_};
      out[e].packing = std::make_shared<IntegerPacking>(packed);
    }
    return out;
  }

 private:
  std::vector<std::size_t> shape(std::initializer_list<std::size_t> of_one) const {
    std::vector<std::size_t> out(of_one);
    if (experts_) out.insert(out.begin(), *experts_);
    return out;
  }

  const StoredTensor* read_words() {
    const StoredTensor* words = find_.need(name_ + std::string(integer_suffix));
    if (words == nullptr) return nullptr;
    bits_ = words->shape.empty() ? 0 : bits_by_shape(words->shape.back(), inputs_);
    if (bits_ == 0 || words->shape != shape({outputs_, packed_words(inputs_, bits_)}))
      find_.reject(*words, fmt::format("expected shape {} for 4 bits or {} for 8 by config.json, found {}",
                                       shape_text(shape({outputs_, packed_words(inputs_, 4)})),
                                       shape_text(shape({outputs_, packed_words(inputs_, 8)})),
                                       shape_text(words->shape)));
    const StoredTensor* stated = find_.look(name_ + "_shape");
    if (stated != nullptr && stated_shape(stated) != shape({outputs_, inputs_}))
      find_.reject(*stated,
                   fmt::format("states shape {}; expected {} by config.json",
                               shape_text(stated_shape(stated)), shape_text(shape({outputs_, inputs_}))));
    return words;
  }

  const StoredTensor* read_zeros(const ScaleGrid& scales) {
    const std::string name = name_ + "_zero_point";
    if (find_.quantisation().zero_points) find_.need(name);
    // Writers of old put unpacked zeros beside symmetric integers.
    if (const StoredTensor* unpacked = find_.look(name);
        unpacked != nullptr && unpacked->dtype == "I8" && holds_zeros(*unpacked))
      return nullptr;
    const StoredTensor* zeros = words_of("_zero_point", {packed_words(outputs_, bits_), scales.columns});
    if (zeros != nullptr && scales.block_outputs != 1)
      find_.reject(*zeros, "zero points need scales of single outputs beside them");
    return zeros;
  }

  /// nullptr where inputs are in order: there is no such tensor, or it holds -1 (nothing was put in).
  const StoredTensor* read_groups(std::size_t columns) {
    const StoredTensor* groups = words_of("_g_idx", {inputs_});
    for (std::size_t i = 0; groups != nullptr && i < groups->bytes.size() / 4; ++i) {
      const auto group = static_cast<std::int32_t>(packed_word(groups->bytes.data(), i));
      if (group == -1) return nullptr;
      if (group < 0 || static_cast<std::size_t>(group) >= columns) {
        find_.reject(*groups, fmt::format("puts input {} into group {} of {}", i, group, columns));
        return nullptr;
      }
    }
    return groups;
  }

  /// An int32 tensor beside the words, where there is one.
  const StoredTensor* words_of(std::string_view which, std::initializer_list<std::size_t> of_one) {
    const StoredTensor* tensor = find_.look(name_ + std::string(which));
    if (tensor == nullptr) return nullptr;
    if (tensor->dtype == "I32" && tensor->shape == shape(of_one)) return tensor;
    find_.reject(*tensor, fmt::format("expected I32 {}, found {} {}", shape_text(shape(of_one)),
                                      tensor->dtype, shape_text(tensor->shape)));
    return nullptr;
  }

  TensorFinder& find_;
  const std::string& name_;
  std::optional<std::size_t> experts_;
  std::size_t outputs_, inputs_, bits_ = 0;
};

StoredMatrix read_integers(TensorFinder& find, const std::string& name, std::size_t outputs,
                           std::size_t inputs) {
  return std::move(IntegerReader(find, name, std::nullopt, outputs, inputs).run().front());
}

std::vector<StoredMatrix> integer_stack(TensorFinder& find, const std::string& name, std::size_t experts,
                                        std::size_t outputs, std::size_t inputs) {
  return IntegerReader(find, name, experts, outputs, inputs).run();
}

std::optional<LedMatrix> integer_led(const TensorFinder& find, const StoredTensor& tensor) {
  if (!tensor.name.ends_with(integer_suffix) || tensor.dtype != "I32") return std::nullopt;
  LedMatrix out{tensor.name.substr(0, tensor.name.size() - integer_suffix.size()), {}, 0, 0};
  const auto shape = stated_shape(find.weights().find(out.name + "_shape"));
  if (shape.size() < 2 || shape.size() != tensor.shape.size()) return std::nullopt;
  if (shape.size() == 3) out.experts = shape[0];
  out.outputs = shape[shape.size() - 2];
  out.inputs = shape.back();
  return out;
}

}  // namespace

const QuantisedFormat packed_integer_format{integer_stands, read_integers, integer_stack, integer_led};

}  // namespace pastonly::checkpoint
