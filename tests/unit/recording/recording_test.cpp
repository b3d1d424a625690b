#include "recording/recording.h"

#include <algorithm>

#include "catch.h"
#include "input/plan/plan.h"
#include "input/trace/trace_file.h"
#include "lab_model.h"
#include "run/audit.h"
#include "subjects/recorded.h"
#include "unit/input/temporary_directory.h"

namespace pastonly {
namespace {

/// The figures of one check.
std::vector<Measurement> figures(const Report& report, std::string_view check) {
  const auto entry = std::ranges::find(report.checks, check, &Report::CheckEntry::id);
  return entry == report.checks.end() ? std::vector<Measurement>{} : entry->measurements;
}

}  // namespace

TEST_CASE("what a live model's plan shows, its recording shows as well", "[recording]") {
  const auto model = small_model(small_config("expert-choice,k=2,chunk=8"));
  const auto subject = live(model, small_live());
  const TemporaryDirectory directory;
  const auto path = directory.path() / "plan";
  const auto recording = recording::Recording::start(*subject, path, {{"model", "small"}});
  REQUIRE(recording);
  const auto from_model = run::audit(**recording, Policy{}, {});
  REQUIRE(from_model);
  REQUIRE((*recording)->finish());
  const auto recorded = subjects::open_recorded(path);
  REQUIRE(recorded);
  REQUIRE((*recorded)->interventions().size() == subject->interventions().size());
  CHECK((*recorded)->missing().empty());
  for (const Intervention& run : subject->interventions()) {
    const TraceData one = to_data(observed(*subject, run)), other = to_data(observed(**recorded, run));
    INFO(run.id);
    CHECK(one.tokens == other.tokens);
    REQUIRE(one.layers.size() == other.layers.size());
    for (std::size_t l = 0; l < one.layers.size(); ++l) {
      CHECK(std::ranges::equal(one.layers[l].scores, other.layers[l].scores));
      CHECK(std::ranges::equal(one.layers[l].gates, other.layers[l].gates));
      CHECK(one.layers[l].mask == other.layers[l].mask);
    }
  }
  const auto from_files = run::audit(**recorded, Policy{}, {});
  REQUIRE(from_files);
  const auto flips = figures(*from_model, "batch-isolation"), again = figures(*from_files, "batch-isolation");
  REQUIRE(flips.size() == again.size());
  for (std::size_t i = 0; i < flips.size(); ++i) CHECK(flips[i].value == again[i].value);
  CHECK(from_files->verdict == from_model->verdict);
}

TEST_CASE("a recording replaces nothing, and is no plan before it is whole", "[recording]") {
  const auto model = small_model(small_config("top-k,k=2"));
  const auto subject = live(model, small_live());
  const TemporaryDirectory directory;
  directory.write("taken/note.txt", "mine");
  const auto refused = recording::Recording::start(*subject, directory.path() / "taken", {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::usage);
  CHECK(refused.error().message.find("already exists") != std::string::npos);
  const auto recording = recording::Recording::start(*subject, directory.path() / "part", {});
  REQUIRE(recording);
  Watch watch;
  int runs = 0;
  watch.stop = [&] { return ++runs > 3; };
  const auto stopped = (*recording)->finish(watch);
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().kind == Error::Kind::interrupted);
  CHECK_FALSE(input::read_plan(directory.path() / "part"));
}

}  // namespace pastonly
