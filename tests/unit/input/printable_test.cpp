#include "input/text/printable.h"

#include "catch.h"

using pastonly::input::printable;

TEST_CASE("What acts on a terminal is replaced, text is kept", "[printable]") {
  CHECK(printable("layers.0.mask  'ü' – 層 😀") == "layers.0.mask  'ü' – 層 😀");
  CHECK(printable("\x1b[31mred\x07\n\t\x7f") == "?[31mred????");
  CHECK(printable("\xC2\x9b"
                  "31m") == "?31m");  // CSI as C1
  CHECK(printable("a\u202Eb\u2066c\u200Bd\uFEFFe") == "a?b?c?d?e");
  CHECK(printable(std::string_view("\0x", 2)) == "?x");
  CHECK(printable("a\uFFFDb\xEF\xBF\xBE"
                  "c\xEF\xBF\xBF\xF0\x9F\xBF\xBF") == "a\uFFFDb?c??");
}

TEST_CASE("Bytes that are no UTF-8 are replaced one by one", "[printable]") {
  CHECK(printable("\xFFx\xFE") == "?x?");
  CHECK(printable("\xC3") == "?");                 // cut
  CHECK(printable("\xE5\xB1x") == "??x");          // cut in the middle
  CHECK(printable("\xC0\x9B") == "??");            // overlong escape
  CHECK(printable("\xE0\x80\x9B") == "???");       // overlong
  CHECK(printable("\xED\xA0\x80") == "???");       // surrogate
  CHECK(printable("\xF4\x90\x80\x80") == "????");  // above U+10FFFF
  CHECK(printable("\xF0\x9F\x98\x80") == "\xF0\x9F\x98\x80");
}
