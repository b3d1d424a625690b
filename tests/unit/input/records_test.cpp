#include <algorithm>

#include "catch.h"
#include "input/records/record_json.h"
#include "input/trace/trace_file.h"
#include "unit/input/temporary_directory.h"

namespace pastonly {
namespace {

using input::read_trace;
using input::TraceOptions;

std::size_t noted(const Trace& trace, std::string_view id) {
  std::size_t count = 0;
  for (const auto& issue : trace.issues) count += issue.id == id ? issue.count : 0;
  return count;
}

std::vector<std::int64_t> ids_of(const LayerRecord& layer, std::size_t token) {
  std::vector<std::int64_t> scratch;
  const auto row = read_integers(*layer.chosen, token, 1, scratch);
  return {row.data(), row.data() + row.size()};
}

TEST_CASE("base64 as RFC 4648 has it", "[input][records]") {
  const auto text = [](std::string_view encoded) -> std::optional<std::string> {
    const auto bytes = input::decode_base64(encoded);
    if (!bytes) return std::nullopt;
    return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  };
  CHECK(text("") == "");
  CHECK(text("Zg==") == "f");
  CHECK(text("Zm8=") == "fo");
  CHECK(text("Zm9vYmFy") == "foobar");
  CHECK(text("////") == "\xff\xff\xff");
  for (const std::string_view wrong : {"Zg=", "Zg", "Z===", "=Zg=", "Zg==Zg==", "Zm8\n", "Zm-_"}) {
    INFO(wrong);
    CHECK_FALSE(text(wrong));
  }
}

TEST_CASE("several choices of unequal length, a cached prefix, a last token that was not run",
          "[input][records]") {
  const TemporaryDirectory directory;
  const auto path = directory.write("r.json", R"({"prompt_token_ids": [7, 8, 9],
    "prompt_routed_experts": [[[-1, -1], [-1, -1]], [[0, 1], [2, 3]], [[1, 2], [3, 0]]],
    "choices": [{"token_ids": [4, 5, 6], "routed_experts": [[[3, 2], [1, 0]], [[0, 2], [1, 3]]]},
                {"token_ids": [4], "routed_experts": []}, {"token_ids": [4, 3], "routed_experts": [[[2, 3], [0, 1]]]}]})");
  const auto refused = read_trace(path);
  REQUIRE_FALSE(refused);  // lists without an entry do not tell layers
  CHECK(refused.error().message.find("choices[1].routed_experts") != std::string::npos);
  const auto sound = directory.write("s.json", R"({"prompt_token_ids": [7, 8, 9],
    "prompt_routed_experts": [[[-1, -1], [-1, -1]], [[0, 1], [2, 3]], [[1, 2], [3, 0]]],
    "choices": [{"token_ids": [4, 5, 6], "routed_experts": [[[3, 2], [1, 0]], [[0, 2], [1, 3]]]},
                {"token_ids": [4, 3], "routed_experts": [[[2, 3], [0, 1]]]}]})");
  TraceOptions options;
  options.experts = 4;
  const auto trace = read_trace(sound, options);
  REQUIRE(trace);
  CHECK(trace->mode == Mode::eval);
  CHECK(trace->layout.sequences == 2);
  CHECK(trace->layout.positions == 5);  // the sixth token was sampled last
  CHECK(trace->tokens == std::vector<std::int64_t>{7, 8, 9, 4, 5, 7, 8, 9, 4, 3});
  CHECK(trace->valid == std::vector<std::uint8_t>{0, 1, 1, 1, 1, 0, 1, 1, 1, 0});
  REQUIRE(trace->layers.size() == 2);
  CHECK(ids_of(trace->layers[0], 1) == std::vector<std::int64_t>{0, 1});
  CHECK(ids_of(trace->layers[1], 4) == std::vector<std::int64_t>{1, 3});
  CHECK(ids_of(trace->layers[1], 8) == std::vector<std::int64_t>{0, 1});
  CHECK(noted(*trace, "placeholder-tokens") == 3);
  CHECK(noted(*trace, "row-short") == 1);
}

TEST_CASE("a start behind the prompt's beginning leaves its first tokens out", "[input][records]") {
  const TemporaryDirectory directory;
  const auto trace = read_trace(directory.write("r.json", R"({"choices": [{"prompt_token_ids": [1, 2, 3],
    "token_ids": [4, 5], "routed_experts": [[[3, 1]], [[1, 0]]]}]})"));
  REQUIRE(trace);
  CHECK(trace->layout.positions == 4);
  CHECK(trace->valid == std::vector<std::uint8_t>{0, 0, 1, 1});
  CHECK(ids_of(trace->layers[0], 2) == std::vector<std::int64_t>{3, 1});
}

TEST_CASE("SGLang's flat ids take their shape from --shape", "[input][records]") {
  const TemporaryDirectory directory;
  // 1 0 2 1 3 0 in 8 bits: three tokens of one layer with two choices, or one of three layers.
  const auto path = directory.write("r.json", R"({"output_ids": [9, 8], "meta_info": {"prompt_tokens": 2,
    "completion_tokens": 2, "routed_experts_dtype": "uint8", "routed_experts": "AQACAQMA",
    "input_token_logprobs": [[null, 5, null], [-1.0, 6, null]]}})");
  TraceOptions options;
  options.shape = {1, 2};
  const auto trace = read_trace(path, options);
  REQUIRE(trace);
  CHECK(trace->tokens == std::vector<std::int64_t>{5, 6, 9});
  CHECK(ids_of(trace->layers[0], 2) == std::vector<std::int64_t>{3, 0});
  options.shape = {3, 2};
  const auto refused = read_trace(path, options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("hold 1 rows") != std::string::npos);
  options.shape = {1, 2};
  options.experts = 512;
  const auto narrow = read_trace(path, options);
  REQUIRE_FALSE(narrow);
  CHECK(narrow.error().message.find("256 experts at most, and there are 512") != std::string::npos);
}

TEST_CASE("SGLang's OpenAI responses hold the same in two places", "[input][records]") {
  const TemporaryDirectory directory;
  TraceOptions options;
  options.shape = {1, 2};
  // Four rows: the request ended at a stop string, and its last token was run as well.
  auto trace =
      read_trace(directory.write("e.json", R"({"choices": [{"index": 0}], "usage": {"prompt_tokens": 3,
    "completion_tokens": 1}, "sglext": {"routed_experts_dtype": "uint8", "routed_experts": "AQACAQMAAAI="}})"),
                 options);
  REQUIRE(trace);
  CHECK(trace->layout.tokens() == 4);
  CHECK(trace->tokens.empty());
  CHECK(ids_of(trace->layers[0], 3) == std::vector<std::int64_t>{0, 2});
  trace = read_trace(directory.write("m.json", R"({"choices": [
    {"meta_info": {"prompt_tokens": 1, "completion_tokens": 1, "routed_experts_dtype": "uint8", "routed_experts": "AQA="}},
    {"meta_info": {"prompt_tokens": 1, "completion_tokens": 2, "routed_experts_dtype": "uint8", "routed_experts": "AQACAQ=="}}]})"),
                     options);
  REQUIRE(trace);
  CHECK(trace->layout.sequences == 2);
  CHECK(trace->valid == std::vector<std::uint8_t>{1, 0, 1, 1});
  CHECK_FALSE(
      read_trace(directory.write(
                     "n.json", R"({"choices": [{}, {}], "usage": {}, "sglext": {"routed_experts": "AAAA"}})"),
                 options));
}

TEST_CASE("Megatron's passes are put sequence by sequence, logits with them", "[input][records]") {
  const TemporaryDirectory directory;
  std::string lines, logits;
  for (int step = 0; step < 2; ++step) {
    lines += R"({"layer": 5, "rank": 3, "num_tokens": 4, "topk": 1, "logit_offset": )" +
             std::to_string(step * 16) +
             R"(, "logit_bytes": 16, "logit_shape": [4, 2], "top_indices": [[0], [1], [0], [1]]})" + "\n";
    // bfloat16: 1.0 for the expert that is chosen, and 0.
    for (int token = 0; token < 4; ++token)
      logits += token % 2 == 0 ? std::string("\x80\x3f\x00\x00", 4) : std::string("\x00\x00\x80\x3f", 4);
  }
  const auto path = directory.write("t.jsonl", lines);
  TraceOptions options;
  options.batch = 4;  // two a pass
  CHECK(read_trace(path, options)->layers[0].ranking() == nullptr);
  directory.write("logits_rank3.bin", logits);
  const auto trace = read_trace(path, options);
  REQUIRE(trace);
  CHECK(trace->layout.sequences == 4);
  CHECK(trace->layout.positions == 2);
  CHECK(trace->layout.order == TokenOrder::sequence_major);
  REQUIRE(trace->layers.size() == 1);
  CHECK(raw(trace->layers[0].index) == 5);
  std::vector<float> scratch;
  for (std::size_t token = 0; token < 8; ++token) {
    const std::int64_t chosen = token / 2 % 2 == 0 ? 0 : 1;
    CHECK(ids_of(trace->layers[0], token) == std::vector<std::int64_t>{chosen});
    CHECK(read_floats(*trace->layers[0].logits, token, 1, scratch)(0, static_cast<std::size_t>(chosen)) ==
          1.0f);
  }
  options.batch = 3;
  CHECK_FALSE(read_trace(path, options));
  directory.write("logits_rank3.bin", logits.substr(1));
  options.batch = 4;
  CHECK_FALSE(read_trace(path, options));
}

TEST_CASE("llama-moe-trace: rows tell the order of tokens, and the last layer may lack the prompt",
          "[input][records]") {
  const TemporaryDirectory directory;
  const auto trace = read_trace(directory.write(
      "t.csv", "-2,0,3,1\n-1,0,0,2\n-2,3,1,2\n-1,3,3,0\n-3,4,1,0\n0,0,2,3\n0,3,0,1\n0,4,1,2\n"));
  REQUIRE(trace);
  CHECK(trace->layout.tokens() == 3);
  REQUIRE(trace->layers.size() == 2);
  CHECK(raw(trace->layers[1].index) == 3);
  CHECK(ids_of(trace->layers[0], 0) == std::vector<std::int64_t>{3, 1});
  CHECK(ids_of(trace->layers[1], 2) == std::vector<std::int64_t>{0, 1});
}

}  // namespace
}  // namespace pastonly
