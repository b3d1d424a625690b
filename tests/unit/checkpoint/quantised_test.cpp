// Golden vectors of the libraries that write quantised checkpoints (tests/torch/quantised_vectors.py).
#include <filesystem>
#include <vector>

#include "catch.h"
#include "checkpoint/tensor_finder.h"

namespace pastonly::checkpoint {
namespace {

std::filesystem::path golden_directory() {
  return std::filesystem::path(PASTONLY_SOURCE_DIR) / "tests/unit/checkpoint/quantised";
}

Quantisation quantisation_of(const std::string& name) {
  Quantisation out;
  if (name == "e4m3_block") out.blocks = {{128, 128}, {4, 6}};
  if (name.starts_with("gptq")) {
    out.bits = name.starts_with("gptq8") ? 8 : 4;
    out.zeros_less_one = !name.ends_with("v2");
  }
  return out;
}

/// (outputs, inputs) in F32.
struct Golden {
  std::string name;
  std::size_t outputs = 0, inputs = 0;
  std::vector<float> values;
};

std::vector<Golden> read_golden(const Weights& weights) {
  std::vector<Golden> out;
  for (const auto& [name, tensor] : weights.tensors()) {
    if (!name.ends_with(".expected")) continue;
    Golden golden{name.substr(0, name.rfind('.')), tensor.shape[0], tensor.shape[1], {}};
    golden.values.resize(golden.outputs * golden.inputs);
    decode(Encoding::f32, tensor.bytes.data(), 0, golden.values.size(), golden.values.data());
    out.push_back(std::move(golden));
  }
  return out;
}

void check_tile(const StoredMatrix& matrix, const Golden& golden, std::size_t first, std::size_t count) {
  TileScratch scratch;
  const auto found = tile(matrix, first, count, scratch);
  REQUIRE(found.rows == (matrix.inputs_first ? golden.inputs : count));
  for (std::size_t o = 0; o < count; ++o) {
    for (std::size_t i = 0; i < golden.inputs; ++i) {
      const float value = matrix.inputs_first ? found(i, o) : found(o, i);
      INFO("output " << first + o << ", input " << i);
      REQUIRE(value == Approx(golden.values[(first + o) * golden.inputs + i]).epsilon(2e-7).margin(1e-12));
    }
  }
}

}  // namespace

TEST_CASE("matrices of few bits are decoded as the libraries that write them do", "[checkpoint][quantised]") {
  const auto weights = Weights::open(golden_directory());
  REQUIRE(weights.has_value());
  const auto all = read_golden(*weights);
  REQUIRE(all.size() == 19);
  for (const Golden& golden : all) {
    INFO(golden.name);
    TensorFinder find(*weights, quantisation_of(golden.name));
    const StoredMatrix matrix = find.matrix(golden.name + ".weight", golden.outputs, golden.inputs);
    INFO(find.error());
    REQUIRE_FALSE(find.failed());
    REQUIRE(matrix.packing != nullptr);
    check_tile(matrix, golden, 0, golden.outputs);
    for (std::size_t first = 0; first < golden.outputs; ++first) check_tile(matrix, golden, first, 1);
    check_tile(matrix, golden, 1, golden.outputs - 2);
    // Every second output, as gate and up of gpt-oss alternate.
    StoredMatrix half = matrix;
    half.outputs /= 2;
    half.first = 1;
    half.step = 2;
    TileScratch scratch;
    const auto values = tile(half, 0, half.outputs, scratch);
    std::vector<float> row(golden.inputs);
    for (std::size_t o = 0; o < half.outputs; ++o) {
      read_row(matrix, 2 * o + 1, row.data());
      for (std::size_t i = 0; i < golden.inputs; ++i)
        REQUIRE((half.inputs_first ? values(i, o) : values(o, i)) == row[i]);
    }
  }
}

TEST_CASE(
    "every tensor of a matrix of few bits is taken, and the matrix is found by the tensor that leads it",
    "[checkpoint][quantised]") {
  const auto weights = Weights::open(golden_directory());
  REQUIRE(weights.has_value());
  for (const Golden& golden : read_golden(*weights)) {
    INFO(golden.name);
    TensorFinder find(*weights, quantisation_of(golden.name));
    find.matrix(golden.name + ".weight", golden.outputs, golden.inputs);
    std::size_t led = 0;
    for (const auto& [name, tensor] : weights->tensors()) {
      if (!name.starts_with(golden.name + ".") || name.ends_with(".expected")) continue;
      INFO(name);
      CHECK(find.taken().contains(name));
      if (const auto found = led_matrix(find, tensor)) {
        ++led;
        CHECK(found->name == golden.name + ".weight");
        CHECK(found->outputs == golden.outputs);
        CHECK(found->inputs == golden.inputs);
      }
    }
    CHECK(led == (golden.name.starts_with("e4m3") || golden.name.find("int8") != std::string::npos ? 0 : 1));
  }
}

}  // namespace pastonly::checkpoint
