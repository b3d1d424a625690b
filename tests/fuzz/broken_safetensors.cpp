#include <fmt/format.h>

#include "fuzz/broken_case.h"

namespace pastonly::fuzz {

namespace {

const std::string good = entry("a", "U8", "[4]", 0, 4);

std::string braces(std::string_view inside) { return fmt::format("{{{}}}", inside); }

std::string with_length(std::uint64_t length) {
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + "{}";
}

}  // namespace

std::vector<BrokenCase> broken_safetensors() {
  std::vector<BrokenCase> cases;
  const auto add = [&](std::string name, std::string bytes, std::vector<std::string> mentions) {
    cases.push_back({"st-" + name + ".safetensors",
                     BrokenCase::Reader::trace,
                     {{"", std::move(bytes)}},
                     std::move(mentions)});
  };
  const auto header = [&](std::string name, std::string inside, std::size_t data,
                          std::vector<std::string> mentions) {
    add(std::move(name), safetensors_bytes(braces(inside), data), std::move(mentions));
  };
  add("empty", "", {"0 bytes"});
  add("seven-bytes", "\x02\0\0\0\0\0\0", {"bytes"});
  add("length-huge", with_length(~std::uint64_t{0}), {"limit"});
  add("length-over-limit", with_length(100'000'001), {"100000001"});
  add("length-past-end", with_length(3), {"past the end"});
  add("leading-space", safetensors_bytes(" " + braces(good), 4), {"'{'"});
  add("array-header", safetensors_bytes("[]", 0), {"'{'"});
  add("no-header", safetensors_bytes("", 0), {"'{'"});
  header("invalid-utf8", "\"\xff\xfe\":{}", 0, {"JSON"});
  add("truncated-json", safetensors_bytes("{\"a\":{\"dtype\":\"U8\"", 4),
      {"JSON at byte 19: parse error at line 1"});
  add("nul-byte", safetensors_bytes(std::string("{}\0{}", 5), 0), {"NUL"});
  add("after-the-object", safetensors_bytes("{}{}", 0), {"JSON"});
  header("tensor-twice", good + "," + good, 4, {"'a'", "twice"});
  header("key-twice", "\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}", 4,
         {"'a'", "dtype"});
  header("metadata-key-twice", "\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}", 0, {"'k'", "twice"});
  header("metadata-twice", "\"__metadata__\":{},\"__metadata__\":{}", 0, {"__metadata__", "twice"});
  header("metadata-number", "\"__metadata__\":{\"vocab\":64}", 0, {"vocab", "string"});
  header("metadata-nested", "\"__metadata__\":{\"rule\":{}}", 0, {"rule", "string"});
  header("metadata-list", "\"__metadata__\":[]", 0, {"__metadata__"});
  header("unknown-dtype", entry("a", "U128", "[4]", 0, 64), 64, {"'a'", "U128"});
  header("dtype-number", "\"a\":{\"dtype\":8,\"shape\":[4],\"data_offsets\":[0,4]}", 4, {"'a'", "dtype"});
  header("no-dtype", "\"a\":{\"shape\":[4],\"data_offsets\":[0,4]}", 4, {"'a'", "dtype"});
  header("no-shape", "\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,4]}", 4, {"'a'", "shape"});
  header("no-offsets", "\"a\":{\"dtype\":\"U8\",\"shape\":[4]}", 4, {"'a'", "data_offsets"});
  header("one-offset", "\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0]}", 4,
         {"'a'", "data_offsets"});
  header("three-offsets", "\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4,4]}", 4,
         {"'a'", "data_offsets"});
  header("shape-number", "\"a\":{\"dtype\":\"U8\",\"shape\":4,\"data_offsets\":[0,4]}", 4, {"'a'", "shape"});
  header("shape-nested", "\"a\":{\"dtype\":\"U8\",\"shape\":[[4]],\"data_offsets\":[0,4]}", 4,
         {"'a'", "shape"});
  header("dimension-negative", entry("a", "U8", "[-4]", 0, 4), 4, {"'a'", "-4", "negative"});
  header("dimension-fraction", entry("a", "U8", "[4.0]", 0, 4), 4, {"'a'", "4.0"});
  header("dimension-65-bits", entry("a", "U8", "[18446744073709551616]", 0, 4), 4, {"'a'", "64 bits"});
  header("product-overflow", entry("a", "U8", "[4294967296,4294967296,2]", 0, 4), 4, {"'a'", "too large"});
  header("product-wraps-to-size", entry("a", "F32", "[4611686018427387905]", 0, 4), 4, {"'a'", "too large"});
  header("begin-after-end", entry("a", "U8", "[4]", 8, 4), 8, {"'a'", "8", "4"});
  header("gap", entry("a", "U8", "[4]", 0, 4) + "," + entry("b", "U8", "[4]", 8, 12), 12, {"'b'", "gap"});
  header("gap-at-start", entry("a", "U8", "[4]", 4, 8), 8, {"'a'", "gap"});
  header("overlap", entry("a", "U8", "[4]", 0, 4) + "," + entry("b", "U8", "[4]", 2, 6), 6,
         {"'b'", "overlap"});
  header("size-not-shape", entry("a", "F32", "[4]", 0, 4), 4, {"'a'", "16"});
  header("data-left-over", good, 6, {"2 bytes"});
  header("data-missing", entry("a", "U8", "[4]", 0, 4), 3, {"'a'", "past"});
  header("half-a-byte", entry("a", "F4", "[3]", 0, 1), 1, {"'a'"});
  header("escapes-in-a-name", entry("\\u001b[2J\\n", "U8", "[3]", 0, 4), 4, {"?[2J?"});
  header("tensor-is-list", "\"a\":[]", 0, {"'a'"});
  header("tensor-is-null", "\"a\":null", 0, {"'a'"});
  add("deeply-nested", safetensors_bytes("{\"a\":{\"x\":" + std::string(100'000, '['), 0), {"JSON"});
  return cases;
}

}  // namespace pastonly::fuzz
