#include "checkpoint/routed_weights.h"

#include <cstring>

#include "checkpoint/family.h"
#include "fuzz/tiny_checkpoint.h"
#include "model/runnable.h"
#include "unit/checkpoint/exported.h"

namespace pastonly::checkpoint {
namespace {

/// A tensor of F32 as it stands in the file.
struct Raw {
  std::vector<std::size_t> shape;
  std::vector<float> values;

  float at(std::size_t i, std::size_t j) const { return values[i * shape[1] + j]; }
  float at(std::size_t i, std::size_t j, std::size_t k) const {
    return values[(i * shape[1] + j) * shape[2] + k];
  }
};

Raw raw_tensor(const Checkpoint& checkpoint, const std::string& name) {
  const StoredTensor* tensor = checkpoint.weights().find(name);
  INFO(name);
  REQUIRE(tensor != nullptr);
  Raw out{tensor->shape, std::vector<float>(tensor->bytes.size() / sizeof(float))};
  std::memcpy(out.values.data(), tensor->bytes.data(), tensor->bytes.size());
  return out;
}

std::vector<float> whole(const RoutedWeights& weights, std::size_t position, std::size_t expert,
                         ExpertMatrix which) {
  const RoutedLayer layer = weights.layer(position);
  const bool down = which == ExpertMatrix::down;
  const std::size_t outputs = down ? layer.width : layer.expert_width;
  const std::size_t inputs = down ? layer.expert_width : layer.width;
  std::vector<float> out(outputs * inputs);
  const std::size_t first = outputs / 3;  // in two parts
  weights.read(position, expert, which, 0, first, out.data());
  weights.read(position, expert, which, first, outputs - first, out.data() + first * inputs);
  return out;
}

Checkpoint tiny(const TemporaryDirectory& directory, const std::string& type) {
  fuzz::write_tiny_checkpoint(directory.path() / type, fuzz::tiny_config(type));
  return opened(directory.path() / type);
}

}  // namespace

TEST_CASE("every family shows its routers and experts", "[checkpoint][weights]") {
  const TemporaryDirectory directory;
  for (const Family& family : families()) {
    const std::string type(family.model_type);
    INFO(type);
    const Checkpoint checkpoint = tiny(directory, type);
    const RoutedWeights weights(checkpoint.description(), checkpoint.bound());
    if (!family.names.own_router.empty()) {  // it reads the stream otherwise than its experts
      CHECK(weights.layers() == 0);
      continue;
    }
    REQUIRE(weights.layers() == checkpoint.description().sparse_layers());
    const RoutedLayer layer = weights.layer(0);
    CHECK(layer.router.size() == layer.experts * layer.width);
    CHECK(layer.gain.size() == layer.width);
    const std::string norm = "model.layers." + std::to_string(raw(layer.index)) + "." +
                             std::string(family.names.before_experts) + ".weight";
    if (family.names.before_experts.empty()) {
      CHECK(layer.gain == std::vector<float>(layer.width, 1.0F));
    } else {
      std::vector<float> gain = raw_tensor(checkpoint, norm).values;
      for (float& each : gain) each += checkpoint.description().gains_from_one ? 1.0F : 0.0F;
      CHECK(gain == layer.gain);
    }
    CHECK(layer.shift.empty() == (type != "phimoe"));
    CHECK(layer.centred == (type == "phimoe"));
    CHECK(weights.bias(0, 0, ExpertMatrix::down).empty() == (type != "gpt_oss"));
    CHECK(weights.common_weights() > 0.0);
  }
}

TEST_CASE("experts one by one are read as they stand", "[checkpoint][weights]") {
  const TemporaryDirectory directory;
  const Checkpoint checkpoint = tiny(directory, "mixtral");
  const RoutedWeights weights(checkpoint.description(), checkpoint.bound());
  for (std::size_t e = 0; e < 4; ++e) {
    const std::string block = "model.layers.1.block_sparse_moe.";
    const std::string module = block + "experts." + std::to_string(e);
    CHECK(whole(weights, 1, e, ExpertMatrix::gate) == raw_tensor(checkpoint, module + ".w1.weight").values);
    CHECK(whole(weights, 1, e, ExpertMatrix::up) == raw_tensor(checkpoint, module + ".w3.weight").values);
    CHECK(whole(weights, 1, e, ExpertMatrix::down) == raw_tensor(checkpoint, module + ".w2.weight").values);
    CHECK(weights.layer(1).router == raw_tensor(checkpoint, block + "gate.weight").values);
  }
}

TEST_CASE("experts of one tensor are read apart: halves one after the other", "[checkpoint][weights]") {
  const TemporaryDirectory directory;
  const Checkpoint checkpoint = tiny(directory, "granitemoe");
  const RoutedWeights weights(checkpoint.description(), checkpoint.bound());
  const RoutedLayer layer = weights.layer(0);
  const std::string block = "model.layers.0.block_sparse_moe.";
  const Raw gate_up = raw_tensor(checkpoint, block + "experts.gate_up_proj");  // (E, 2 h, d)
  const Raw down_proj = raw_tensor(checkpoint, block + "experts.down_proj");   // (E, d, h)
  const std::size_t d = layer.width, h = layer.expert_width;
  for (std::size_t e = 0; e < layer.experts; ++e) {
    const auto gate = whole(weights, 0, e, ExpertMatrix::gate), up = whole(weights, 0, e, ExpertMatrix::up);
    const auto down = whole(weights, 0, e, ExpertMatrix::down);
    bool same = true;
    for (std::size_t i = 0; i < h; ++i) {
      for (std::size_t c = 0; c < d; ++c) {
        same = same && gate[i * d + c] == gate_up.at(e, i, c) && up[i * d + c] == gate_up.at(e, h + i, c);
        same = same && down[c * h + i] == down_proj.at(e, c, i);
      }
    }
    CHECK(same);
  }
}

TEST_CASE("experts of one tensor are read apart: transposed, interleaved and with biases",
          "[checkpoint][weights]") {
  const TemporaryDirectory directory;
  const Checkpoint checkpoint = tiny(directory, "gpt_oss");
  const RoutedWeights weights(checkpoint.description(), checkpoint.bound());
  const RoutedLayer layer = weights.layer(0);
  const std::string experts = "model.layers.0.mlp.experts.";
  const Raw gate_up = raw_tensor(checkpoint, experts + "gate_up_proj");       // (E, d, 2 h)
  const Raw down_proj = raw_tensor(checkpoint, experts + "down_proj");        // (E, h, d)
  const Raw in_bias = raw_tensor(checkpoint, experts + "gate_up_proj_bias");  // (E, 2 h)
  const Raw out_bias = raw_tensor(checkpoint, experts + "down_proj_bias");    // (E, d)
  const std::size_t d = layer.width, h = layer.expert_width;
  for (std::size_t e = 0; e < layer.experts; ++e) {
    const auto gate = whole(weights, 0, e, ExpertMatrix::gate), up = whole(weights, 0, e, ExpertMatrix::up);
    const auto down = whole(weights, 0, e, ExpertMatrix::down);
    const auto gate_bias = weights.bias(0, e, ExpertMatrix::gate),
               up_bias = weights.bias(0, e, ExpertMatrix::up);
    const auto down_bias = weights.bias(0, e, ExpertMatrix::down);
    bool same = true;
    for (std::size_t i = 0; i < h; ++i) {
      same = same && gate_bias[i] == in_bias.at(e, 2 * i) && up_bias[i] == in_bias.at(e, 2 * i + 1);
      for (std::size_t c = 0; c < d; ++c) {
        same = same && gate[i * d + c] == gate_up.at(e, c, 2 * i) &&
               up[i * d + c] == gate_up.at(e, c, 2 * i + 1);
        same = same && down[c * h + i] == down_proj.at(e, i, c);
      }
    }
    for (std::size_t c = 0; c < d; ++c) same = same && down_bias[c] == out_bias.at(e, c);
    CHECK(same);
  }
  CHECK(layer.activation.clamped);
  CHECK(layer.activation.limit == 7.0);
}

TEST_CASE("a model and its checkpoint show the same weights", "[checkpoint][weights]") {
  const TemporaryDirectory directory;
  const auto config = exported_config();
  export_model(config, directory.path() / "saved");
  const Checkpoint checkpoint = opened(directory.path() / "saved");
  const RoutedWeights stored(checkpoint.description(), checkpoint.bound());
  const model::Model model = shaken_model(config);
  const auto runnable = model::make_runnable(model);
  const pastonly::Weights& own = *runnable->weights();
  REQUIRE(own.layers() == stored.layers());
  CHECK(own.common_weights() == stored.common_weights());
  for (std::size_t l = 0; l < own.layers(); ++l) {
    const RoutedLayer a = own.layer(l), b = stored.layer(l);
    CHECK(a.router == b.router);
    CHECK(a.gain == b.gain);
    CHECK(a.index == b.index);
    for (const auto which : {ExpertMatrix::gate, ExpertMatrix::up, ExpertMatrix::down}) {
      const bool down = which == ExpertMatrix::down;
      const std::size_t outputs = down ? a.width : a.expert_width;
      std::vector<float> mine(a.width * a.expert_width);
      own.read(l, 3, which, 0, outputs, mine.data());
      CHECK(mine == whole(stored, l, 3, which));
    }
  }
}

}  // namespace pastonly::checkpoint
