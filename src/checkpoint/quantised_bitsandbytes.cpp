// bitsandbytes in 4 bits, NF4 and FP4 (Dettmers et al. 2023, arXiv 2305.14314): codes over the whole matrix,
// output by output, two in a byte, the earlier one in the high half; value = quant_map[code] * absmax of its
// block of so many codes. absmax may be in 8 bits itself: nested_quant_map[code] * nested_absmax of 256 such,
// plus an offset. What is no tensor stands as JSON in the bytes of quant_state.bitsandbytes__nf4 (or __fp4).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "checkpoint/nibble_pairs.h"
#include "checkpoint/quantised.h"
#include "checkpoint/tensor_finder.h"
#include "input/text/object_reader.h"

namespace pastonly::checkpoint {
namespace {

constexpr std::size_t largest_state = std::size_t{64} << 10;

struct FourBitCodes {
  const std::byte* codes = nullptr;  // (outputs * inputs / 2), rounded up
  std::size_t inputs = 0, block = 0;
  std::array<float, 16> values{};
  const std::byte* absmax = nullptr;  // (blocks) F32, or U8 where nested
  struct Nested {
    const std::byte* absmax = nullptr;  // (blocks / block, rounded up) F32; nullptr = not nested
    std::size_t block = 0;
    std::array<float, 256> values{};
    float offset = 0.0F;
  } nested;
};

class FourBitPacking final : public Packing {
 public:
  explicit FourBitPacking(const FourBitCodes& codes) : c_(codes) {}

  void decode(std::size_t first, std::size_t count, float* out) const override {
    const NibblePairs pairs(c_.values, false);
    const std::size_t from = first * c_.inputs, end = from + count * c_.inputs;
    for (std::size_t at = from; at < end;) {
      const std::size_t block = at / c_.block, next = std::min(end, (block + 1) * c_.block);
      pairs.decode(c_.codes, at, next - at, out);
      const float scale = absmax(block);
      for (std::size_t i = 0; i < next - at; ++i) out[i] *= scale;
      out += next - at;
      at = next;
    }
  }

  double rounding() const noexcept override { return 0x1p-3; }

 private:
  float absmax(std::size_t block) const {
    float out = 0.0F;
    if (c_.nested.absmax == nullptr) {
      checkpoint::decode(Encoding::f32, c_.absmax, block, 1, &out);
      return out;
    }
    checkpoint::decode(Encoding::f32, c_.nested.absmax, block / c_.nested.block, 1, &out);
    return c_.nested.values[std::to_integer<std::size_t>(c_.absmax[block])] * out + c_.nested.offset;
  }

  FourBitCodes c_;
};

std::string state_name(const Weights& weights, const std::string& name) {
  for (const std::string_view type : {"nf4", "fp4"}) {
    std::string state = fmt::format("{}.quant_state.bitsandbytes__{}", name, type);
    if (weights.find(state) != nullptr) return state;
  }
  return "";
}

bool four_bit_stands(const Weights& weights, const std::string& name) {
  return !state_name(weights, name).empty();
}

/// What quant_state says.
struct QuantState {
  std::vector<std::size_t> shape;
  std::size_t block = 0, nested_block = 0;
  double offset = 0.0;
};

Expected<QuantState> parse_state(const StoredTensor& tensor) {
  const std::string where = fmt::format("{}: tensor '{}'", tensor.file, tensor.name);
  if (tensor.dtype != "U8" || tensor.bytes.size() > largest_state)
    return input_error(fmt::format("{}: expected JSON in U8, {} bytes at most, found {} {}", where,
                                   largest_state, tensor.dtype, shape_text(tensor.shape)));
  const std::string_view text(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  const auto json = input::parse_json(text, where, Error::Kind::input);
  if (!json) return tl::unexpected(json.error());
  if (!json->is_object()) return input_error(fmt::format("{}: expected a JSON object", where));
  constexpr std::size_t largest = std::size_t{1} << 40;
  input::ObjectReader state(*json, where);
  QuantState out;
  out.shape = state.counts("shape");
  out.block = state.count("blocksize");
  out.nested_block = state.count("nested_blocksize", 256);
  out.offset = state.number("nested_offset", 0.0, -1e30, 1e30);
  if (out.shape.size() != 2 ||
      std::ranges::any_of(out.shape, [](std::size_t size) { return size == 0 || size > largest; }))
    state.reject("shape", "expected the two sizes of a matrix");
  if (auto done = state.finish(); !done) return tl::unexpected(done.error());
  return out;
}

/// Beside the weight, of this type and number of elements, however it is shaped.
const StoredTensor* piece(TensorFinder& find, const std::string& name, std::string_view type,
                          std::size_t count) {
  const StoredTensor* tensor = find.need(name);
  if (tensor == nullptr) return nullptr;
  const std::size_t bytes = type == "F32" ? 4 : 1;
  if (tensor->dtype == type && tensor->bytes.size() == count * bytes) return tensor;
  find.reject(*tensor, fmt::format("expected {} numbers of {}, found {} {}", count, type, tensor->dtype,
                                   shape_text(tensor->shape)));
  return nullptr;
}

template <std::size_t count>
void read_map(TensorFinder& find, const std::string& name, std::array<float, count>& out) {
  if (const StoredTensor* tensor = piece(find, name, "F32", count))
    decode(Encoding::f32, tensor->bytes.data(), 0, count, out.data());
}

StoredMatrix read_four_bit(TensorFinder& find, const std::string& name, std::size_t outputs,
                           std::size_t inputs) {
  StoredMatrix out{.outputs = outputs, .inputs = inputs};
  const StoredTensor* const tensor = find.need(state_name(find.weights(), name));
  const auto state = parse_state(*tensor);
  if (!state) return find.reject(state.error().message), out;
  if (state->shape != std::vector{outputs, inputs})
    return find.reject(*tensor,
                       fmt::format("states shape {}; expected {} by config.json", shape_text(state->shape),
                                   shape_text(std::vector{outputs, inputs}))),
           out;
  const StoredTensor* weight = find.need(name);
  if (weight == nullptr) return out;
  if (outputs > weight->bytes.size() * 2 / inputs + 1)  // their product may not be a number at all
    return find.reject(*weight, fmt::format("expected {} of 4 bits, found {} {}",
                                            shape_text(std::vector{outputs, inputs}), weight->dtype,
                                            shape_text(weight->shape))),
           out;
  const std::size_t codes = outputs * inputs, blocks = (codes + state->block - 1) / state->block;
  const bool nested = find.has(name + ".nested_absmax");
  const StoredTensor* bytes = piece(find, name, "U8", (codes + 1) / 2);
  const StoredTensor* absmax = piece(find, name + ".absmax", nested ? "U8" : "F32", blocks);
  FourBitCodes packed;
  read_map(find, name + ".quant_map", packed.values);
  if (nested) {
    packed.nested.block = state->nested_block;
    packed.nested.offset = static_cast<float>(state->offset);
    read_map(find, name + ".nested_quant_map", packed.nested.values);
    const StoredTensor* above =
        piece(find, name + ".nested_absmax", "F32", (blocks + state->nested_block - 1) / state->nested_block);
    if (above != nullptr) packed.nested.absmax = above->bytes.data();
  }
  if (find.failed()) return out;
  packed.codes = out.data = bytes->bytes.data();
  packed.absmax = absmax->bytes.data();
  packed.inputs = inputs;
  packed.block = state->block;
  out.packing = std::make_shared<FourBitPacking>(packed);
  return out;
}

std::optional<LedMatrix> four_bit_led(const TensorFinder& find, const StoredTensor& tensor) {
  const std::string state = state_name(find.weights(), tensor.name);
  if (state.empty()) return std::nullopt;
  const auto parsed = parse_state(*find.weights().find(state));
  if (!parsed) return std::nullopt;
  return LedMatrix{tensor.name, std::nullopt, parsed->shape[0], parsed->shape[1]};
}

}  // namespace

const QuantisedFormat bitsandbytes_format{four_bit_stands, read_four_bit, nullptr, four_bit_led};

}  // namespace pastonly::checkpoint
