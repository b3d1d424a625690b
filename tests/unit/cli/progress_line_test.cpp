#include "cli/progress_line.h"

#include <limits>

#include "catch.h"

namespace pastonly::cli {

TEST_CASE("Progress tells the share and, once there is a speed, the time left", "[progress]") {
  ProgressLine line;
  CHECK(line.plain(1.0).empty());
  line.report(0.0, "run 1 of 4", 0.0);
  CHECK(line.plain(1.0) == "0%: run 1 of 4");
  line.report(0.25, "run 2 of 4", 10.0);
  CHECK(line.plain(10.0) == "25%, 0:30 left: run 2 of 4");
  CHECK(line.drawn(10.0, 100) == "[#####...............]  25% 0:30 left, run 2 of 4");
  // Silence lengthens the estimate.
  CHECK(line.plain(20.0) == "25%, 1:00 left: run 2 of 4");
  line.report(0.5, "run 3 of 4", 7200.0);
  CHECK(line.plain(7200.0) == "50%, 2:00:00 left: run 3 of 4");
}

TEST_CASE("Work that an earlier run did is no speed of this one", "[progress]") {
  ProgressLine line;
  line.report(0.8, "arm 1", 0.0);
  line.report(0.9, "arm 1", 10.0);
  CHECK(line.plain(10.0) == "90%, 0:10 left: arm 1");
}

TEST_CASE("A share is never taken back, and is 100 of nothing that goes on", "[progress]") {
  ProgressLine line;
  line.report(0.5, "a", 1.0);
  line.report(0.2, "b", 2.0);
  CHECK(line.plain(2.0) == "50%: b");
  line.report(1.0, "c", 2.0);
  CHECK(line.plain(2.0) == "99%: c");
  for (const double odd : {7.0, -1.0, std::numeric_limits<double>::infinity()}) {
    line.report(odd, "d", 2.5);
    CHECK(line.plain(2.5).find("100%") == std::string::npos);
  }
}

TEST_CASE("Where the amount is not known the time so far is told", "[progress]") {
  ProgressLine line;
  line.report(std::nullopt, "reading the weights of model", 0.0);
  CHECK(line.plain(75.0) == "1:15 so far: reading the weights of model");
  CHECK(line.drawn(75.0, 100) == "[1:15] reading the weights of model");
  line.report(std::numeric_limits<double>::quiet_NaN(), "reading", 80.0);
  CHECK(line.plain(80.0) == "1:20 so far: reading");
}

TEST_CASE("A bar fits its terminal, and a name cannot write to it", "[progress]") {
  ProgressLine line;
  line.report(0.5, "\x1b[31mred\nline \xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 1.0);
  const std::string all = line.drawn(1.0, 200);
  CHECK(all.find('\x1b') == std::string::npos);
  CHECK(all.find('\n') == std::string::npos);
  for (std::size_t columns = 0; columns < 60; ++columns) {
    const std::string drawn = line.drawn(1.0, columns);
    std::size_t shown = 0;
    for (const char c : drawn) shown += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
    CHECK(shown <= columns);
    CHECK(all.starts_with(drawn));
    if (drawn.size() < all.size()) CHECK((static_cast<unsigned char>(all[drawn.size()]) & 0xC0U) != 0x80U);
  }
}

}  // namespace pastonly::cli
