#include <fstream>
#include <iterator>
#include <map>

#include "catch.h"
#include "counted_subject.h"
#include "input/trace/trace_file.h"
#include "unit/input/temporary_directory.h"

namespace pastonly {
namespace {

namespace fs = std::filesystem;

/// Every file under a directory with its bytes.
std::map<std::string, std::string> contents(const fs::path& directory) {
  std::map<std::string, std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    std::ifstream file(entry.path(), std::ios::binary);
    out[fs::relative(entry.path(), directory).string()] = {std::istreambuf_iterator<char>(file), {}};
  }
  return out;
}

}  // namespace

TEST_CASE("an audit that was interrupted anywhere goes on and comes to the same", "[recording]") {
  RecordedAudits audits;
  const TemporaryDirectory directory;
  const auto whole = audits.audit_in(directory.path() / "whole");
  REQUIRE(whole.error.empty());
  REQUIRE(whole.kept == 0);
  const auto plan = contents(directory.path() / "whole");
  REQUIRE(plan.size() == 2 * audits.subject().interventions().size() + 1);
  const std::size_t planned = audits.subject().interventions().size();
  REQUIRE(whole.runs > planned + 20);
  for (const std::size_t most : {std::size_t{1}, planned / 2, planned + 9, whole.runs - 2}) {
    INFO("interrupted after " << most << " of " << whole.runs << " runs");
    const fs::path path = directory.path() / std::to_string(most);
    const auto first = audits.audit_in(path, most);
    REQUIRE(first.error == "interrupted");
    REQUIRE(first.runs >= first.kept);  // of some runs first the losses are asked for, then all
    CHECK_FALSE(input::read_plan(path));
    const auto second = audits.audit_in(path);
    CHECK(second.taken_up == first.kept);
    CHECK(second.runs == whole.runs - first.runs + 1);  // and the base, as a test
    CHECK(second.report == whole.report);
    CHECK(contents(path) == plan);
  }
}

TEST_CASE("an audit that is interrupted again and again gets to its end", "[recording]") {
  RecordedAudits audits;
  const TemporaryDirectory directory;
  const auto whole = audits.audit_in(directory.path() / "whole");
  std::size_t kept = 0, runs = 0, attempts = 0;
  for (;; ++attempts) {
    REQUIRE(attempts < 40);
    const auto result = audits.audit_in(directory.path() / "cut", 12);
    CHECK(result.taken_up == kept);
    runs += result.runs - (attempts > 0 ? 1 : 0);  // the base again, as a test
    if (result.error.empty()) {
      CHECK(result.report == whole.report);
      break;
    }
    CHECK(result.kept > kept);
    kept = result.kept;
  }
  CHECK(attempts > 3);
  CHECK(runs == whole.runs);
  CHECK(contents(directory.path() / "cut") == contents(directory.path() / "whole"));
}

TEST_CASE("recording changes nothing of what is seen", "[recording]") {
  RecordedAudits audits;
  const TemporaryDirectory directory;
  const auto recording =
      recording::Recording::start(audits.subject(), directory.path() / "r", RecordedAudits::identity());
  REQUIRE(recording);
  for (const Intervention& run : audits.subject().interventions()) {
    const Trace own = observed(audits.subject(), run), kept = observed(**recording, run);
    INFO(run.id);
    CHECK(kept.path == own.path);
    CHECK(kept.issues.size() == own.issues.size());
    CHECK((kept.mode == own.mode && kept.stage == own.stage && kept.vocab == own.vocab));
    CHECK((kept.rule == own.rule && kept.producer == own.producer && kept.order_known == own.order_known));
    CHECK((kept.layout == own.layout && kept.tokens == own.tokens && kept.valid == own.valid));
  }
}

TEST_CASE("who needs layers gets them, whatever was kept", "[recording]") {
  RecordedAudits audits;
  const TemporaryDirectory directory;
  CountedSubject counted(audits.subject());
  const auto recording =
      recording::Recording::start(counted, directory.path() / "r", RecordedAudits::identity());
  REQUIRE(recording);
  Intervention fresh;
  fresh.id = 0x8000'0000u;
  const auto losses = (*recording)->losses(fresh);
  REQUIRE(losses);
  CHECK(losses->layers.empty());
  REQUIRE((*recording)->losses(fresh));
  CHECK(counted.runs() == 1);
  const auto all = (*recording)->observe(fresh);
  REQUIRE(all);
  CHECK(counted.runs() == 2);
  REQUIRE(all->layers.size() == 2);
  const auto again = (*recording)->losses(fresh);
  REQUIRE(again);
  CHECK(again->layers.empty());
  CHECK(again->log_probs.size() == losses->log_probs.size());
  REQUIRE((*recording)->observe(fresh));
  CHECK(counted.runs() == 2);
}

TEST_CASE("losses alone take a small part of what traces take", "[recording]") {
  RecordedAudits audits;
  const TemporaryDirectory directory;
  const Trace trace = observed(audits.subject(), audits.subject().interventions().front());
  const auto whole = directory.path() / "whole.safetensors", part = directory.path() / "part.safetensors";
  REQUIRE(input::write_trace(whole, to_data(trace)));
  REQUIRE(input::write_trace(part, to_data(without_layers(trace))));
  CHECK(fs::file_size(part) * 8 < fs::file_size(whole));
  const auto losses = input::read_losses(part);
  REQUIRE(losses);
  CHECK(losses->tokens == trace.tokens);
  CHECK(losses->layout == trace.layout);
  CHECK(
      std::equal(losses->log_probs.begin() + 1, losses->log_probs.begin() + 24, trace.log_probs.begin() + 1));
  CHECK_FALSE(input::read_losses(whole));
  CHECK(input::read_trace(part)->layers.empty());
}

}  // namespace pastonly
