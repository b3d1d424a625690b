#include "input/text/parse_json.h"

#include <algorithm>
#include <ctime>
#include <limits>

#include "catch.h"

namespace pastonly::input {
namespace {

/// Of the processor, the least of three: others may use it meanwhile.
double seconds_for(std::size_t objects) {
  std::string text = "[";
  for (std::size_t i = 0; i < objects; ++i) text += R"({"step":1,"loss":2.5,"list":[1,2,{"x":null}]},)";
  text.back() = ']';
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 3; ++i) {
    const std::clock_t begun = std::clock();
    const auto json = parse_json(text, "t", Error::Kind::input);
    least = std::min(least, static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC);
    REQUIRE(json.has_value());
    CHECK(json->size() == objects);
  }
  return least;
}

std::string refusal(std::string_view text) {
  const auto json = parse_json(text, "t", Error::Kind::input);
  return json ? "" : json.error().message;
}

TEST_CASE("JSON is parsed as it stands", "[json]") {
  const std::string text =
      R"({"a":[],"b":{"c":[1,-2,2.5,true,false,null,"x\u00e9"],"d":{}},"e":18446744073709551615,"f":[[1],[2,[3]]]})";
  const auto json = parse_json(text, "t", Error::Kind::input);
  REQUIRE(json.has_value());
  CHECK(*json == Json::parse(text));
  CHECK(json->dump() == Json::parse(text).dump());
  CHECK(parse_json("7", "t", Error::Kind::input)->get<int>() == 7);
  CHECK(parse_json("// a\n[1 /* b */]", "t", Error::Kind::input, true)->size() == 1);
}

TEST_CASE("strict JSON: what is refused, and as what", "[json]") {
  CHECK(refusal(R"({"a":1,"b":{"a":2},"a":3})") == "t: key 'a' occurs twice");
  CHECK(refusal(R"([{"a":{"b":1,"b":2}}])") == "t: key 'b' occurs twice");
  for (const char* bad : {"", "[1,", "[1]]", "{\"a\" 1}", "nul", "[1e999]", "[01]", "[\"\xff\"]", "[NaN]"})
    CHECK(refusal(bad).find("t: not JSON: ") == 0);
  CHECK(refusal(std::string_view("[1]\0", 4)) == "t: not JSON: NUL byte at offset 3");
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + "1" + std::string(depth, ']');
  };
  CHECK(refusal(nested(16)).empty());
  CHECK(refusal(nested(17)) == "t: nested deeper than 16 levels");
  CHECK(refusal(nested(100000)) == "t: nested deeper than 16 levels");
}

TEST_CASE("the time to parse JSON is linear in its size", "[json]") {
  seconds_for(1000);
  const double once = seconds_for(20'000), eightfold = seconds_for(160'000);
  INFO(once << " s, and " << eightfold << " s for eight times as much");
  CHECK(eightfold < 24.0 * once + 0.05);  // quadratic would be 64 times
}

TEST_CASE("a long parse stops when asked to", "[json]") {
  std::string text = "[";
  for (int i = 0; i < 100'000; ++i) text += "1,";
  text.back() = ']';
  int asked = 0;
  const auto json = parse_json(text, "t", Error::Kind::input, false, [&] { return ++asked == 3; });
  REQUIRE_FALSE(json.has_value());
  CHECK(json.error().kind == Error::Kind::interrupted);
  CHECK(asked == 3);
}

}  // namespace
}  // namespace pastonly::input
