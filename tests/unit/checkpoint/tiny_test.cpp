#include "catch.h"
#include "checkpoint/family.h"
#include "fuzz/tiny_checkpoint.h"
#include "unit/checkpoint/exported.h"

namespace pastonly::checkpoint {
namespace {

TEST_CASE("a tiny checkpoint of every family runs, or says what its configuration contradicts",
          "[checkpoint]") {
  const TemporaryDirectory directory;
  std::string family;
  for (const std::string& config : fuzz::tiny_configs()) {
    INFO(config);
    const std::string type = input::Json::parse(config).at("model_type");
    if (type != family) {  // the first of a family is sound
      fuzz::write_tiny_checkpoint(directory.path() / type, config);
      CHECK(opened(directory.path() / type).description().model_type == type);
    }
    family = type;
    directory.write(type + "/config.json", config);
    CHECK(fuzz::run_checkpoint(directory.path() / type) == "");
  }
  CHECK(family == families().back().model_type);
}

TEST_CASE("a router whose scores are declared otherwise than its family computes them is refused",
          "[checkpoint]") {
  for (const char* type : {"deepseek_v3", "glm4_moe", "dots1", "minimax_m2"}) {
    INFO(type);
    input::Json config = input::Json::parse(fuzz::tiny_config(type));
    CHECK(describe(config, "config.json"));
    config["scoring_func"] = "softmax";
    const auto refused = describe(config, "config.json");
    REQUIRE(!refused);
    CHECK(refused.error().message.find("config.json: scoring_func: expected sigmoid") == 0);
    config["scoring_func"] = 3;
    CHECK(!describe(config, "config.json"));
  }
}

TEST_CASE("an odd rotary_dim is refused by its own key", "[checkpoint]") {
  input::Json config = input::Json::parse(fuzz::tiny_config("minimax_m2"));
  config["rotary_dim"] = 1U;
  const auto refused = describe(config, "config.json");
  REQUIRE(!refused);
  INFO(refused.error().message);
  CHECK(refused.error().message.find("config.json: rotary_dim: expected an even number") == 0);
}

/// Puts each value in the place of each entry in turn, and of those inside objects.
template <class Visit>
void for_each_change(input::Json& whole, input::Json& part, const input::Json& values, Visit&& visit) {
  for (auto& [key, entry] : part.items()) {
    if (entry.is_object()) for_each_change(whole, entry, values, visit);
    const input::Json before = entry;
    for (const input::Json& value : values) {
      entry = value;
      visit(whole.dump());
    }
    entry = before;
  }
}

TEST_CASE("whatever one value of a configuration says, it is refused or runs", "[checkpoint]") {
  const auto values = input::Json::parse(R"([null, true, 0, 1, 2, 3, 65535, 16777216, 4294967296,
      18446744073709551615, -1, 0.0, 1e-300, 0.3, 1e6, 1e300, "", "sliding_attention", [], [0, 1], [1e300, -1.0],
      ["full_attention", "x"], {}])");
  const TemporaryDirectory directory;
  std::string family;
  for (const std::string& text : fuzz::tiny_configs()) {
    input::Json config = input::Json::parse(text);
    const std::string type = config.at("model_type");
    const bool plain = type != family;
    if (plain) fuzz::write_tiny_checkpoint(directory.path() / type, text);
    family = type;
    // Positions are read alike for all: the first family tells.
    const bool positions = type == families().front().model_type && config.contains("rope_parameters");
    if (!plain && !positions) continue;
    for_each_change(config, plain ? config : config["rope_parameters"], values,
                    [&](const std::string& changed) {
                      directory.write(type + "/config.json", changed);
                      INFO(changed);
                      CHECK(fuzz::run_checkpoint(directory.path() / type) == "");
                    });
  }
}

}  // namespace
}  // namespace pastonly::checkpoint
