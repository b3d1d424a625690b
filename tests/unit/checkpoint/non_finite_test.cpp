#include "checkpoint/non_finite.h"

#include <fmt/format.h>

#include <cstring>
#include <limits>

#include "unit/checkpoint/broken.h"

namespace pastonly::checkpoint {
namespace {

/// Says in a file's header that a tensor has another element type: one that nothing here writes.
void retype(const fs::path& path, const std::string& name, std::string_view dtype) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  Json header = Json::parse(bytes.substr(8, length));
  header[name]["dtype"] = dtype;
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t now = text.size();
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&now), sizeof now);
  out << text << bytes.substr(8 + length);
}

/// The error of a run over every token and expert.
void check_refused(const Broken& broken, std::initializer_list<std::string_view> parts) {
  const auto checkpoint = opened(broken.directory().path());
  const model::Sample sample({2, 30, TokenOrder::batch_major}, 11);
  InferenceWorkspace workspace;
  const auto data = checkpoint.observe(sample.batch(), {}, workspace);
  REQUIRE_FALSE(data.has_value());
  CHECK(data.error().kind == Error::Kind::input);
  check_says(data.error().message, {"model.safetensors"});
  check_says(data.error().message, parts);
}

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

}  // namespace

TEST_CASE("weights that are not finite are found and named when they are met", "[checkpoint]") {
  for (const std::string name :
       {"model.layers.1.mlp.experts.0.down_proj.weight", "model.layers.0.mlp.gate.weight",
        "model.embed_tokens.weight", "lm_head.weight", "model.layers.1.input_layernorm.weight",
        "model.layers.1.self_attn.k_proj.weight", "model.layers.1.mlp.experts.4.gate_proj.weight"}) {
    Broken broken;
    Tensor& tensor = broken.tensor(name);
    std::vector<std::byte> bytes(tensor.bytes.begin(), tensor.bytes.end());
    for (std::size_t at = 16; at + 4 <= bytes.size(); at += 48)
      std::memcpy(bytes.data() + at, &nan, sizeof nan);
    tensor.bytes = bytes;
    broken.write();
    check_refused(broken, {name, "nan at element 4"});
  }
}

TEST_CASE("weights or scales of E4M3 that are not finite are found and named", "[checkpoint]") {
  const std::string name = "model.layers.1.self_attn.q_proj.weight", scales = name + "_scale_inv";
  const auto refused = [&](std::uint8_t value, float scale, std::string_view what) {
    Broken broken;
    std::vector<std::uint8_t> weights(12 * 12, 0x38);
    weights[5] = value;
    broken.put(name, {12, 12}, weights);
    broken.put(scales, {1, 1}, std::vector<float>{scale});
    broken.write();
    retype(broken.path("model.safetensors"), name, "F8_E4M3");
    INFO(what);
    check_refused(broken, {name, scales, what});
  };
  refused(0x38, nan, "nan at element 0");
  refused(0x7F, 1.0F, "nan at element 5");
  refused(0x7E, 1e37F, "inf at element 5");
}

TEST_CASE("scales of MXFP4 that are not finite are found and named", "[checkpoint]") {
  model::ModelConfig config = exported_config();
  config.width = config.expert_width = 32;
  config.head_width = 16;
  const auto refused = [&](std::uint8_t pair, std::uint8_t scale, std::string_view what) {
    Broken broken(config);
    const std::string block = "model.layers.1.mlp.experts.";
    for (std::size_t e = 0; e < config.experts; ++e) {
      for (const char* matrix : {"gate", "up", "down"})
        broken.remove(fmt::format("{}{}.{}_proj.weight", block, e, matrix));
    }
    std::vector<std::uint8_t> scales(5 * 64, 127), values(5 * 64 * 16, 0x11);
    for (std::size_t e = 0; e < 5; ++e) scales[e * 64 + 3] = scale, values[(e * 64 + 3) * 16 + 2] = pair;
    broken.put(block + "gate_up_proj_blocks", {5, 64, 1, 16}, values);
    broken.put(block + "gate_up_proj_scales", {5, 64, 1}, scales);
    broken.put(block + "down_proj_blocks", {5, 32, 1, 16}, std::vector<std::uint8_t>(5 * 32 * 16, 0x22));
    broken.put(block + "down_proj_scales", {5, 32, 1}, std::vector<std::uint8_t>(5 * 32, 127));
    broken.write();
    if (what.empty()) return static_cast<void>(opened(broken.directory().path()));
    INFO(what);
    check_refused(broken, {block + "gate_up_proj_blocks", block + "gate_up_proj_scales", what});
  };
  refused(0x11, 127, "");
  refused(0x11, 255, "nan at element 96");
  refused(0x71, 254, "inf at element 101");
}

TEST_CASE("weights that are not finite are found where no token meets them", "[checkpoint]") {
  Broken broken;
  broken.write();
  CHECK(check_weights(opened(broken.directory().path()).weights()).has_value());
  const std::string name = "model.layers.1.mlp.experts.3.up_proj.weight";
  Tensor& tensor = broken.tensor(name);
  std::vector<std::byte> bytes(tensor.bytes.begin(), tensor.bytes.end());
  std::memcpy(bytes.data() + bytes.size() - 4, &nan, sizeof nan);
  tensor.bytes = bytes;
  broken.write();
  const auto found = check_weights(opened(broken.directory().path()).weights());
  REQUIRE_FALSE(found.has_value());
  CHECK(found.error().kind == Error::Kind::input);
  check_says(found.error().message, {"model.safetensors", name, "nan at element"});
}

}  // namespace pastonly::checkpoint
