// Runs of kind stream: in plan files, and against what a plan says of them.

#include "catch.h"
#include "input/plan/plan.h"
#include "integrity/run_consistency.h"
#include "lab_model.h"
#include "unit/input/temporary_directory.h"

using namespace pastonly;

namespace {

Intervention stream_of(std::vector<std::size_t> rows, std::size_t every) {
  Intervention run;
  run.id = 1;
  run.kind = Intervention::Kind::stream;
  run.base = 0;
  run.rows = std::move(rows);
  run.every = every;
  return run;
}

std::string plan_with(std::string_view run) {
  return "{\"schema\": \"pastonly.plan/1\", \"runs\": [{\"id\": 0, \"kind\": \"base\"}, " + std::string(run) +
         "]}";
}

}  // namespace

TEST_CASE("stream runs of a plan are written and read back", "[stream]") {
  const TemporaryDirectory directory;
  Intervention all = stream_of({}, 5);
  all.id = 2;
  all.all_rows = true;
  const input::Plan plan{{Intervention{}, stream_of({0, 2}, 3), all}};
  REQUIRE(input::write_plan(directory.path(), plan));
  const auto read = input::read_plan(directory.path());
  REQUIRE(read);
  CHECK(read->runs == plan.runs);
  CHECK(input::parse_plan(plan_with(R"({"id": 1, "kind": "stream", "base": 0, "rows": [1], "every": 2})"),
                          "plan"));
  for (const auto* wrong : {R"({"id": 1, "kind": "stream", "base": 0, "rows": [1], "every": 0})",
                            R"({"id": 1, "kind": "stream", "base": 0, "rows": [1]})",
                            R"({"id": 1, "kind": "stream", "base": 0, "every": 1})",
                            R"({"id": 1, "kind": "stream", "base": 0, "rows": "some", "every": 1})",
                            R"({"id": 1, "kind": "stream", "base": 0, "rows": [1], "every": 1, "cut": 3})"}) {
    CAPTURE(wrong);
    CHECK_FALSE(input::parse_plan(plan_with(wrong), "plan"));
  }
}

TEST_CASE("a stream run routes the base's tokens", "[stream]") {
  const auto model = small_model(small_config("top-k,k=2"));
  const auto subject = live(model, small_live());
  const Trace base = observed(*subject, Intervention{});
  const Intervention run = stream_of({0, 3}, 2);
  Trace stream = observed(*subject, run);
  CHECK(integrity::contradicts_base(run, stream, base).empty());
  CHECK_FALSE(integrity::contradicts_base(stream_of({4}, 2), stream, base).empty());
  stream.tokens[5] = (stream.tokens[5] + 1) % 16;
  CHECK_FALSE(integrity::contradicts_base(run, stream, base).empty());
}
