#include <fmt/format.h>

#include "fuzz/broken_case.h"

namespace pastonly::fuzz {

std::vector<BrokenCase> broken_records() {
  std::vector<BrokenCase> cases;
  const auto add = [&](std::string name, std::string bytes, std::vector<std::string> mentions,
                       Error::Kind kind = Error::Kind::input) {
    cases.push_back(
        {"record-" + name, BrokenCase::Reader::trace, {{"", std::move(bytes)}}, std::move(mentions), kind});
  };
  add("nothing.json", "[]", {"holds nothing"});
  add("cut-off.json", R"({"choices": [{"routed_experts": [[[1, 2]], )", {"not JSON"});
  add("other.json", R"({"model": "m", "usage": 1})", {"no record", "model, usage"});
  add("a-number.json", "[1]", {"[0]", "number"});
  add("deep.json", std::string(100, '['), {"deeper than 16"});
  add("two-kinds.jsonl",
      "{\"choices\": [{\"routed_experts\": [[[1, 2]]]}]}\n{\"meta_info\": {\"routed_experts\": \"AAAA\"}}\n",
      {"line 2", "another kind"});
  add("broken-line.jsonl", "{\"choices\": [{\"routed_experts\": [[[1, 2]]]}]}\n{\"choices\": \n", {"line 2"});

  const auto choice = [](std::string_view value, std::string_view more = "") {
    return fmt::format(R"({{"choices": [{{"routed_experts": {}{}}}]}})", value, more);
  };
  add("vllm-none.json", R"({"choices": [{"routed_experts": null}]})", {"--enable-return-routed-experts"});
  add("vllm-no-list.json", R"({"choices": 3})", {"list of choices"});
  add("vllm-ragged.json", choice("[[[1, 2]], [[1]]]"), {"choices[0].routed_experts", "[1]", "2 expert ids"});
  add("vllm-fractions.json", choice("[[[1.5, 2]]]"), {"[0]"});
  add("vllm-flat.json", choice("[1, 2]"), {"(tokens, layers, choices)"});
  add("vllm-no-base64.json", choice("\"%%%%\""), {"base64"});
  add("vllm-no-npy.json", choice("\"AAAA\""), {"choices[0].routed_experts", "magic"});
  add("vllm-too-many-rows.json",
      choice("[[[1, 2]], [[1, 2]], [[0, 1]]]", R"(, "prompt_token_ids": [5], "token_ids": [6])"),
      {"choices[0]", "position 3", "2 tokens"});
  add("vllm-other-prompt.json",
      R"({"prompt_routed_experts": [[[1, 2]]], "prompt_token_ids": [4, 5],
          "choices": [{"routed_experts": [[[1, 2]]], "token_ids": [6, 7]}]})",
      {"prompt_routed_experts of 1", "2"});
  add("vllm-other-layers.json",
      R"({"choices": [{"routed_experts": [[[1, 2]]]}, {"routed_experts": [[[1, 2], [0, 1]]]}]})",
      {"choices[1]", "2 layers", "1 with 2"});
  add("vllm-only-missing.json", choice("[[[-1, -1]], [[-1, -1]]]"), {"expert 0 in every choice"});
  add("vllm-huge-id.json", choice("[[[1, 5000000000]]]"), {"names expert 5000000000"});
  add("vllm-long-and-short.json",
      [] {
        std::string lists = "[", many;
        for (int i = 0; i < 20'000; ++i) lists += fmt::format("{}[[1,2]]", i == 0 ? "" : ",");
        for (int i = 0; i < 2'000; ++i) many += R"(, {"routed_experts": [[[1, 2]]]})";
        return fmt::format(R"({{"choices": [{{"routed_experts": {}]}}{}]}})", lists, many);
      }(),
      {"2001 sequences", "20000 positions", "by length"});

  const auto info = [](std::string_view more) {
    return fmt::format(R"({{"meta_info": {{"prompt_tokens": 2, "completion_tokens": 2{}}}}})", more);
  };
  add("sglang-none.json", info(""), {"--enable-return-routed-experts"});
  add("sglang-number.json", info(R"(, "routed_experts": 3)"), {"base64"});
  add("sglang-type.json", info(R"(, "routed_experts": "AAAAAA==", "routed_experts_dtype": "float")"),
      {"uint16"});
  add("sglang-shapeless.json", info(R"(, "routed_experts": "AAAAAAAAAAAAAAAA")"),
      {"3 flat ids", "1 for each of 3 tokens", "--shape LAYERS,CHOICES"}, Error::Kind::usage);

  const auto nemo = [](std::string_view envelope) {
    return fmt::format(R"({{"response": {{"output": [{{"prompt_token_ids": [1], "generation_token_ids": [2],
                            "routed_experts": "{}"}}]}}}})",
                       envelope);
  };
  add("nemo-version.json", nemo("nrlre2:int16:2x1x2:AAAAAAAAAAA="), {"nrlre1"});
  add("nemo-type.json", nemo("nrlre1:int64:2x1x2:AAAAAAAAAAA="), {"'int64'"});
  add("nemo-shape.json", nemo("nrlre1:int16:2x1:AAAAAAAAAAA="), {"TOKENSxLAYERSxCHOICES"});
  add("nemo-size.json", nemo("nrlre1:int16:3x1x2:AAAAAAAAAAA="), {"declares 3 tokens", "2"});
  add("nemo-none.json", R"({"response": {"output": []}})", {"router_replay"});

  const auto call = [](std::string_view more) {
    return fmt::format(R"({{"layer": 1, "num_tokens": 2, "topk": 2, "top_indices": [[0, 1], [2, 3]]{}}})",
                       more);
  };
  add("megatron-rows.jsonl", R"({"layer": 1, "num_tokens": 3, "topk": 2, "top_indices": [[0, 1]]})",
      {"1 rows", "3"});
  add("megatron-choices.jsonl", R"({"layer": 1, "num_tokens": 1, "topk": 3, "top_indices": [[0, 1]]})",
      {"3"});
  add("megatron-unequal.jsonl",
      call("") + "\n" + R"({"layer": 2, "num_tokens": 1, "topk": 2, "top_indices": [[0, 1]]})",
      {"line 2", "layer 2"});
  add("megatron-cut.jsonl",
      call("") + "\n" + R"({"layer": 2, "num_tokens": 2, "topk": 2, "top_indices": [[0, 1], [0, 1]]})" +
          "\n" + call(""),
      {"layer 2", "cut off"});
  add("megatron-logits.jsonl",
      call(R"(, "rank": 0, "logit_offset": 0, "logit_bytes": 7, "logit_shape": [2, 4])"), {"logit_bytes"});
  add("megatron-mtp-alone.jsonl", call(R"(, "mtp_idx": 0)"), {"decoder"});

  add("llama-ragged.csv", "-1,0,3,4\n-1,1,3\n", {"line 2", "1 experts", "2"});
  add("llama-words.csv", "-1,0,3,4\n-2,0,three,4\n", {"line 2"});
  add("llama-order.csv", "0,0,3,4\n-1,0,3,4\n", {"line 2", "prompt token"});
  add("llama-cut.csv", "0,0,3,4\n0,1,3,4\n1,0,3,4\n", {"layer 1", "cut off"});
  add("llama-short-layers.csv", "-1,0,1,2\n-2,0,1,2\n-1,1,1,2\n-1,2,1,2\n", {"layers 1, 2"});
  return cases;
}

}  // namespace pastonly::fuzz
