#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "fuzz/broken_case.h"

namespace pastonly::fuzz {

namespace {

/// Lays tensors of (2, 4) tokens one after the other and knows where each begins.
class TraceText {
 public:
  TraceText& metadata(std::string_view json) {
    parts_.push_back(fmt::format("\"__metadata__\":{}", json));
    return *this;
  }
  TraceText& tensor(std::string_view name, std::string_view dtype, std::string_view shape,
                    std::size_t bytes) {
    parts_.push_back(entry(name, dtype, shape, size_, size_ + bytes));
    size_ += bytes;
    return *this;
  }
  std::string bytes() const {
    return safetensors_bytes(fmt::format("{{{}}}", fmt::join(parts_, ",")), size_);
  }
  /// The same with `value` as the last bytes of the data.
  template <class T>
  std::string ending_in(T value) const {
    std::string out = bytes();
    std::memcpy(out.data() + out.size() - sizeof value, &value, sizeof value);
    return out;
  }

 private:
  std::vector<std::string> parts_;
  std::size_t size_ = 0;
};

TraceText trace(
    std::string_view metadata = R"({"schema":"pastonly.trace/1","mode":"train","stage":"selected"})") {
  return TraceText().metadata(metadata);
}
TraceText with_tokens() { return trace().tensor("tokens", "I32", "[2,4]", 32); }
TraceText with_mask() { return with_tokens().tensor("layers.0.mask", "U8", "[2,4,4]", 32); }

}  // namespace

std::vector<BrokenCase> broken_traces() {
  std::vector<BrokenCase> cases;
  const auto add = [&](std::string name, std::string bytes, std::vector<std::string> mentions,
                       Error::Kind kind = Error::Kind::input) {
    cases.push_back({"trace-" + name + ".safetensors",
                     BrokenCase::Reader::trace,
                     {{"", std::move(bytes)}},
                     std::move(mentions),
                     kind});
  };
  const auto says = [](std::string_view json) {
    return trace(json).tensor("layers.0.mask", "U8", "[2,4,4]", 32).bytes();
  };
  add("schema-unknown", says(R"({"schema":"pastonly.trace/2"})"), {"schema", "pastonly.trace/2"});
  add("mode-unknown", says(R"({"schema":"pastonly.trace/1","mode":"predict"})"), {"mode", "predict"});
  add("stage-unknown", says(R"({"schema":"pastonly.trace/1","stage":"late"})"), {"stage", "late"});
  add("layout-unknown", says(R"({"schema":"pastonly.trace/1","layout":"diagonal"})"), {"layout", "diagonal"});
  add("vocab-word", says(R"({"schema":"pastonly.trace/1","vocab":"many"})"), {"vocab", "many"});
  add("vocab-zero", says(R"({"schema":"pastonly.trace/1","vocab":"0"})"), {"vocab"});
  add("vocab-negative", says(R"({"schema":"pastonly.trace/1","vocab":"-5"})"), {"vocab", "-5"});
  add("no-layers", with_tokens().bytes(), {"no routing"});
  auto deep = with_tokens();
  for (std::size_t layer = 0; layer < 8193; ++layer) {
    deep.tensor(fmt::format("layers.{}.mask", layer), "U8", "[2,4,1]", 8);
  }
  add("layers-without-end", deep.bytes(), {"8193 layers", "8192"});
  add("tokens-float",
      trace().tensor("tokens", "F32", "[2,4]", 32).tensor("layers.0.mask", "U8", "[2,4,4]", 32).bytes(),
      {"'tokens'", "F32"});
  add("tokens-cube",
      trace().tensor("tokens", "I32", "[2,2,2]", 32).tensor("layers.0.mask", "U8", "[2,4,4]", 32).bytes(),
      {"'tokens'"});
  add("tokens-scalar",
      trace().tensor("tokens", "I32", "[]", 4).tensor("layers.0.mask", "U8", "[2,4,4]", 32).bytes(),
      {"'tokens'"});
  add("mask-other-length", with_tokens().tensor("layers.0.mask", "U8", "[2,7,4]", 56).bytes(),
      {"'layers.0.mask'", "4 positions"});
  add("mask-other-batch", with_tokens().tensor("layers.0.mask", "U8", "[3,4,4]", 48).bytes(),
      {"'layers.0.mask'", "2 sequences"});
  add("mask-vector", with_tokens().tensor("layers.0.mask", "U8", "[8]", 8).bytes(), {"'layers.0.mask'"});
  add("layers-of-two-lengths", with_mask().tensor("layers.1.mask", "U8", "[2,3,4]", 24).bytes(),
      {"'layers.1.mask'"});
  add("scores-other-experts", with_mask().tensor("layers.0.scores", "F32", "[2,4,5]", 160).bytes(),
      {"'layers.0.scores'", "4"});
  add("gates-other-experts", with_mask().tensor("layers.0.gates", "F32", "[2,4,3]", 96).bytes(),
      {"'layers.0.gates'", "4 experts"});
  add("scores-integers", with_mask().tensor("layers.0.scores", "I32", "[2,4,4]", 128).bytes(),
      {"'layers.0.scores'", "I32"});
  add("experts-float", with_tokens().tensor("layers.0.experts", "F32", "[2,4,2]", 64).bytes(),
      {"'layers.0.experts'", "F32"});
  add("more-choices-than-experts", with_mask().tensor("layers.0.experts", "U8", "[2,4,6]", 48).bytes(),
      {"'layers.0.experts'", "6 choices"});
  add("no-expert-at-all", with_tokens().tensor("layers.0.mask", "U8", "[2,4,0]", 0).bytes(),
      {"'layers.0.mask'"});
  add("bias-other-length", with_mask().tensor("layers.0.bias", "F32", "[3]", 12).bytes(),
      {"'layers.0.bias'", "3"});
  add("bias-nan", with_mask().tensor("layers.0.bias", "F32", "[4]", 16).ending_in(std::uint32_t{0x7fc00000}),
      {"'layers.0.bias'", "finite"});
  add("valid-two", with_mask().tensor("valid", "U8", "[2,4]", 8).ending_in(std::uint8_t{2}),
      {"'valid'", "2"});
  add("valid-other-shape", with_mask().tensor("valid", "U8", "[2,5]", 10).bytes(), {"'valid'"});
  add("logprobs-integers", with_mask().tensor("logprobs", "I32", "[2,4]", 32).bytes(), {"'logprobs'", "I32"});
  add("empty-batch",
      trace().tensor("tokens", "I32", "[0,4]", 0).tensor("layers.0.mask", "U8", "[0,4,4]", 0).bytes(),
      {"no tokens"});
  add("mask-of-f8", with_tokens().tensor("layers.0.mask", "F8_E4M3", "[2,4,4]", 32).bytes(),
      {"'layers.0.mask'", "F8_E4M3"});
  add("gates-alone", with_tokens().tensor("layers.3.gates", "F32", "[2,4,4]", 128).bytes(), {"layer 3"});
  add("id-without-end",
      with_tokens().tensor("layers.0.experts", "I32", "[2,4,2]", 64).ending_in(std::int32_t{2'000'000'000}),
      {"'layers.0.experts'", "2000000000"});
  add("ids-all-none", with_tokens().tensor("layers.0.experts", "I8", "[1,1,1]", 1).bytes(),
      {"'layers.0.experts'"});
  add("too-many-experts", trace().tensor("layers.0.mask", "U8", "[1,1,70000]", 70'000).bytes(),
      {"layer 0", "70000"});
  add("scores-without-decisions", with_tokens().tensor("layers.0.scores", "F32", "[2,4,4]", 128).bytes(),
      {"layer 0", "--top-k"}, Error::Kind::usage);
  add("nothing-known", safetensors_bytes("{" + entry("hidden_states", "F32", "[4]", 0, 16) + "}", 16),
      {"'hidden_states'", "--map"}, Error::Kind::usage);
  add("no-arrays", safetensors_bytes("{}", 0), {"--map"}, Error::Kind::usage);
  cases.push_back(
      {"raw-short.bin", BrokenCase::Reader::raw_trace, {{"", std::string(28, '\0')}}, {"28 bytes", "32"}});
  cases.push_back({"raw-empty.bin", BrokenCase::Reader::raw_trace, {{"", ""}}, {"0 bytes"}});
  return cases;
}

}  // namespace pastonly::fuzz
