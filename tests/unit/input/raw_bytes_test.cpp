#include "input/text/raw_bytes.h"

#include "catch.h"
#include "input/text/parse_json.h"
#include "stats/random.h"

namespace pastonly::input {

TEST_CASE("bytes that are no UTF-8 become text and come back", "[printable]") {
  CHECK(text_of_bytes("plain, \xC3\xA9 and \xF0\x9F\x98\x80") == "plain, \xC3\xA9 and \xF0\x9F\x98\x80");
  CHECK(text_of_bytes("a\xFF") == "a\xEE\xBF\xBF");
  CHECK(bytes_of_text("a\xEE\xBE\x80") == "a\x80");
  stats::CounterRng random(1);
  for (int trial = 0; trial < 2000; ++trial) {
    std::string bytes;
    const std::size_t size = random.below(12);
    // Half of them from the bytes that stand for others, so that those are met in whole and in part.
    for (std::size_t i = 0; i < size; ++i)
      bytes += static_cast<char>(trial % 2 == 0 ? random.below(256) : 0xBE + random.below(0x31));
    const std::string text = text_of_bytes(bytes);
    CHECK(bytes_of_text(text) == bytes);
    CHECK(Json(text).dump() != "");  // throws where it is no UTF-8
  }
}

}  // namespace pastonly::input
