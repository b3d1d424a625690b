#include <fmt/format.h>

#include <cmath>

#include "checkpoint/non_finite.h"
#include "checkpoint/scale_grid.h"
#include "checkpoint/tensor_finder.h"
#include "unit/checkpoint/broken.h"

namespace pastonly::checkpoint {
namespace {

const std::string projection = "model.layers.1.self_attn.q_proj";

model::ModelConfig sixteen_wide() {
  model::ModelConfig config = exported_config();
  config.width = 16;
  config.head_width = 8;
  return config;
}

/// A checkpoint whose one projection of 16 x 16 is to be kept in few bits.
class Quantised : public Broken {
 public:
  Quantised() : Broken(sixteen_wide()) {
    remove(projection + ".weight");
    config()["num_attention_heads"] = config()["num_key_value_heads"] = 2;
  }

  /// Two groups of 8 inputs, all codes 5 and zero points 4: every number is the scale.
  void put_gptq(float scale = 0.5F) {
    config()["quantization_config"] = {{"quant_method", "gptq"}, {"bits", 4}, {"group_size", 8}};
    put<std::uint32_t>(projection + ".qweight", {2, 16}, std::vector<std::uint32_t>(32, 0x55555555));
    put<std::uint32_t>(projection + ".qzeros", {2, 2}, std::vector<std::uint32_t>(4, 0x33333333));
    put<float>(projection + ".scales", {2, 16}, std::vector<float>(32, scale));
  }

  void put_packed(float scale = 0.5F) {
    put<std::uint32_t>(projection + ".weight_packed", {16, 2}, std::vector<std::uint32_t>(32, 0x99999999));
    put<float>(projection + ".weight_scale", {16, 1}, std::vector<float>(16, scale));
    put<std::uint32_t>(projection + ".weight_shape", {2}, {16, 16});
  }

  void put_four_bit(const Json& state) {
    const std::string weight = projection + ".weight", text = state.dump();
    put<std::uint8_t>(weight, {128, 1}, std::vector<std::uint8_t>(128, 0x21));
    put<float>(weight + ".absmax", {4}, {1.0F, 2.0F, 3.0F, 4.0F});
    std::vector<float> map(16);
    for (std::size_t i = 0; i < 16; ++i) map[i] = static_cast<float>(i) / 16.0F;
    put(weight + ".quant_map", {16}, map);
    put(weight + ".quant_state.bitsandbytes__nf4", {text.size()},
        std::vector<std::uint8_t>(text.begin(), text.end()));
  }

  std::string written_error() {
    write();
    return error();
  }
};

const Json four_bit_state{{"quant_type", "nf4"}, {"blocksize", 64}, {"shape", {16, 16}}};

/// The projection's first row.
std::vector<float> row_of(const Quantised& quantised) {
  const auto checkpoint = opened(quantised.directory().path());
  const StoredMatrix& matrix = checkpoint.bound().layers[1].attention.query.weight;
  std::vector<float> out(matrix.inputs);
  read_row(matrix, 0, out.data());
  return out;
}

}  // namespace

TEST_CASE("zero points of GPTQ are kept less 1 or as they are, by the format", "[checkpoint][quantised]") {
  Quantised quantised;
  quantised.put_gptq();
  quantised.write();
  CHECK(row_of(quantised) == std::vector<float>(16, 0.5F));
  quantised.config()["quantization_config"]["checkpoint_format"] = "gptq_v2";
  quantised.write();
  CHECK(row_of(quantised) == std::vector<float>(16, 1.0F));
  // Biases of zeros are given to layers that have none.
  quantised.put(projection + ".bias", {16}, std::vector<float>(16, 0.0F));
  CHECK(quantised.written_error().empty());
  quantised.put(projection + ".bias", {16}, std::vector<float>(16, 1.0F));
  check_says(quantised.written_error(), {projection + ".bias", "no place"});
}

TEST_CASE("GPTQ that contradicts itself is refused by tensor", "[checkpoint][quantised]") {
  Quantised quantised;
  quantised.put_gptq();
  SECTION("nothing says how zero points are kept") {
    quantised.config().erase("quantization_config");
    check_says(quantised.written_error(), {projection + ".qweight", "quantization_config"});
  }
  SECTION("groups of inputs that are not there") {
    std::vector<std::int32_t> index(16, 1);
    index[3] = -1;
    quantised.put(projection + ".g_idx", {16}, index);
    check_says(quantised.written_error(), {projection + ".g_idx", "input 3", "group -1 of 2"});
    index[3] = 2;
    quantised.put(projection + ".g_idx", {16}, index);
    check_says(quantised.written_error(), {projection + ".g_idx", "group 2 of 2"});
  }
  SECTION("other groups than declared") {
    quantised.config()["quantization_config"]["group_size"] = 16;
    check_says(quantised.written_error(), {projection + ".scales", "2 groups", "group_size = 16"});
  }
  SECTION("too few words") {
    quantised.put<std::uint32_t>(projection + ".qweight", {1, 16}, std::vector<std::uint32_t>(16));
    check_says(quantised.written_error(), {projection + ".qweight", "[2, 16]", "[1, 16]"});
  }
  SECTION("no zero points") {
    quantised.remove(projection + ".qzeros");
    check_says(quantised.written_error(), {projection + ".qzeros", "missing"});
  }
  SECTION("a plain weight beside it") {
    quantised.put(projection + ".weight", {16, 16}, std::vector<float>(256));
    check_says(quantised.written_error(), {projection + ".weight", "no place"});
  }
}

TEST_CASE("packed integers that contradict themselves are refused by tensor", "[checkpoint][quantised]") {
  Quantised quantised;
  quantised.put_packed();
  CHECK(quantised.written_error().empty());
  CHECK(row_of(quantised) == std::vector<float>(16, 0.5F));
  quantised.put<std::uint32_t>(projection + ".weight_shape", {2}, {16, 32});
  check_says(quantised.written_error(), {projection + ".weight_shape", "[16, 32]", "[16, 16]"});
  quantised.put_packed();
  quantised.put(projection + ".weight_scale", {16, 3}, std::vector<float>(48, 1.0F));
  check_says(quantised.written_error(), {projection + ".weight_scale", "[16, 3]"});
  quantised.put_packed();
  Json& how = quantised.config()["quantization_config"] = {{"quant_method", "compressed-tensors"},
                                                           {"format", "pack-quantized"}};
  how["config_groups"]["group_0"]["weights"] = {{"num_bits", 4}, {"symmetric", false}};
  check_says(quantised.written_error(), {projection + ".weight_zero_point", "missing"});
  how["transform_config"]["config_groups"]["a"] = 1;
  check_says(quantised.written_error(), {"config.json", "transform_config"});
}

TEST_CASE("how scales lie is said by their shape, and by declared blocks where these fit",
          "[checkpoint][quantised]") {
  Quantised quantised;
  quantised.put("x.one_line", {1, 16}, std::vector<float>(16, 1.0F));
  quantised.put("x.blocks", {2, 2}, std::vector<float>(4, 1.0F));
  quantised.put("x.experts", {3, 1, 16}, std::vector<float>(48, 1.0F));
  quantised.write();
  const auto weights = Weights::open(quantised.directory().path());
  REQUIRE(weights.has_value());
  TensorFinder find(*weights);
  // 16 outputs: one line of blocks of 128 inputs, not a scale an output.
  const auto line = read_scales(find, "x.one_line", std::nullopt, 16, 2048);
  REQUIRE(line.size() == 1);
  CHECK(line.front().block_inputs == 128);
  CHECK(line.front().columns == 16);
  const auto experts = read_scales(find, "x.experts", 3, 16, 40);
  REQUIRE(experts.size() == 3);
  CHECK(experts.front().block_outputs == 1);
  CHECK(experts.front().columns == 1);
  CHECK(experts[2].data == experts[0].data + 2 * 16 * 4);
  CHECK_FALSE(find.failed());
  TensorFinder two(*weights, Quantisation{.blocks = {{100, 100}, {128, 128}}});
  CHECK(read_scales(two, "x.blocks", std::nullopt, 200, 200).empty());
  check_says(two.error(), {"x.blocks", "100 x 100", "128 x 128", "[2, 2]"});
}

TEST_CASE("a state of 4 bits that contradicts its tensors is refused", "[checkpoint][quantised]") {
  Quantised quantised;
  quantised.put_four_bit(four_bit_state);
  CHECK(quantised.written_error().empty());
  const std::vector<float> row = row_of(quantised);
  CHECK(row[0] == 2.0F / 16.0F);  // the earlier code in the high half
  CHECK(row[1] == 1.0F / 16.0F);
  const auto refused = [&](std::string_view key, const Json& value, std::string_view what) {
    Json state = four_bit_state;
    state[std::string(key)] = value;
    quantised.put_four_bit(state);
    INFO(key << " = " << value.dump());
    check_says(quantised.written_error(), {projection + ".weight", what});
  };
  refused("blocksize", 0, "blocksize");
  refused("blocksize", 32, "absmax");
  refused("shape", {16, 8}, "[16, 8]");
  refused("shape", {std::uint64_t{1} << 39, std::uint64_t{1} << 39}, "shape");
  refused("shape", {0, 0}, "two sizes");
  refused("shape", "none", "shape");
  quantised.put_four_bit(four_bit_state);
  quantised.put<std::uint8_t>(projection + ".weight.quant_state.bitsandbytes__nf4", {2}, {'{', '"'});
  check_says(quantised.written_error(), {"bitsandbytes__nf4", "JSON"});
}

TEST_CASE("scales of few bits that are not finite or zero are found and named", "[checkpoint][quantised]") {
  const auto looked = [](const Quantised& quantised) {
    const auto checkpoint = opened(quantised.directory().path());
    return check_weights(checkpoint.weights(), checkpoint.description().quantisation);
  };
  Quantised quantised;
  quantised.put_gptq(std::nanf(""));
  quantised.write();
  auto found = looked(quantised);
  REQUIRE_FALSE(found.has_value());
  check_says(found.error().message,
             {projection + ".qweight' times '" + projection + ".scales", "nan at element 0"});
  quantised.put_gptq(0.0F);
  quantised.write();
  found = looked(quantised);
  REQUIRE(found.has_value());
  REQUIRE(found->size() == 1);
  check_says(found->front(), {"nothing but zeros", projection + ".qweight"});
  Quantised packed;
  packed.put_packed(std::nanf(""));
  packed.write();
  found = looked(packed);
  REQUIRE_FALSE(found.has_value());
  check_says(found.error().message,
             {projection + ".weight_packed' times '" + projection + ".weight_scale", "nan"});
}

TEST_CASE("activations that a server quantises stay in float32, which is said once",
          "[checkpoint][quantised]") {
  Quantised quantised;
  quantised.put_packed();
  quantised.put(projection + ".input_scale", {1}, std::vector<float>{0.5F});
  quantised.write();
  const auto checkpoint = opened(quantised.directory().path());
  REQUIRE(checkpoint.oddities().size() == 1);
  check_says(checkpoint.oddities().front(), {"activations", projection + ".input_scale", "float32"});
}

}  // namespace pastonly::checkpoint
