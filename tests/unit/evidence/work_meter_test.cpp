#include "evidence/work_meter.h"

#include <string>
#include <utility>
#include <vector>

#include "catch.h"

namespace pastonly::evidence {
namespace {

struct Told {
  std::vector<std::optional<double>> fractions;
  std::string what;
  Watch watch() {
    Watch out;
    out.progress = [this](std::optional<double> fraction, std::string_view said) {
      fractions.push_back(fraction);
      what = said;
    };
    return out;
  }
};

TEST_CASE("Runs count, not checks: whoever asks for the plan", "[progress]") {
  Told told;
  WorkMeter meter(told.watch());
  meter.did_of_plan(1.0, "run 1");
  CHECK(told.fractions.back() == std::nullopt);  // nothing is expected yet
  meter.expect({52.0, 0.0, 48.0, 100.0});
  meter.begin(1, "trace-integrity");
  CHECK(told.what == "trace-integrity");
  for (int run = 2; run <= 52; ++run) meter.did_of_plan(1.0, "run");
  CHECK(told.what == "trace-integrity: run");
  CHECK(*told.fractions.back() == Approx(52.0 / 201.0));
  meter.begin(2, "token-shuffle");
  meter.did(24.0, "");
  CHECK(*told.fractions.back() == Approx(76.0 / 201.0));
  meter.begin(3, "chunk-sweep");  // what the check before did not need is not left
  CHECK(*told.fractions.back() == Approx(100.0 / 201.0));
  meter.did_share(0.5, "");
  CHECK(*told.fractions.back() == Approx(150.0 / 201.0));
}

TEST_CASE("The share of work done never falls and never is all", "[progress]") {
  Told told;
  WorkMeter meter(told.watch());
  meter.expect({10.0, 5.0, 0.0});
  meter.begin(1, "a");
  for (int run = 0; run < 40; ++run) meter.did(1.0, "far more than was expected");
  for (int run = 0; run < 40; ++run) meter.did_of_plan(1.0, "");
  meter.begin(2, "b");
  for (int run = 0; run < 5; ++run) meter.did(1.0, "");
  meter.begin(7, "a part that nobody announced");
  meter.did_share(0.5, "");
  double last = 0.0;
  for (const auto& fraction : told.fractions) {
    REQUIRE(fraction);
    CHECK(*fraction >= last);
    CHECK(*fraction < 1.0);
    last = *fraction;
  }
}

}  // namespace
}  // namespace pastonly::evidence
