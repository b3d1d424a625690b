#include "catch.h"
#include "pastonly/audit.h"
#include "subjects/recorded.h"

using namespace pastonly;

namespace {

const std::string library_examples = PASTONLY_SOURCE_DIR "/audits/examples/";

}  // namespace

TEST_CASE("the library audits a path and a subject alike", "[library]") {
  for (const std::string example : {"leaky", "clean"}) {
    AuditRequest request;
    request.subject = library_examples + example;
    request.checks = {"causal-mask"};
    const auto of_path = audit(request);
    REQUIRE(of_path);
    CHECK(of_path->verdict == (example == "leaky" ? Verdict::fail : Verdict::pass));
    CHECK_FALSE(of_path->subject.files.front().sha256.empty());
    CHECK_FALSE(of_path->run.started.empty());

    const auto subject = subjects::open_recorded(request.subject);
    REQUIRE(subject);
    const auto of_subject = audit(**subject, request);
    REQUIRE(of_subject);
    CHECK(of_subject->verdict == of_path->verdict);
    CHECK(of_subject->findings.size() == of_path->findings.size());
    CHECK(of_subject->subject.files.front().sha256.empty());
    CHECK(of_subject->run.threads >= 1);
  }
}

TEST_CASE("the library's errors say what was wrong", "[library]") {
  AuditRequest request;
  CHECK(audit(request).error().message.starts_with("no subject is given"));
  request.subject = library_examples + "absent";
  CHECK(audit(request).error().kind == Error::Kind::input);
  request.subject = library_examples + "clean";
  request.policy = "no-such-policy";
  CHECK(audit(request).error().kind == Error::Kind::usage);
  request.policy = "ci";
  request.checks = {"no-such-check"};
  CHECK(audit(request).error().kind == Error::Kind::usage);
  request.checks = {"leakage-bound"};
  const auto report = audit(request);
  REQUIRE(report);
  CHECK(format_report(*report, "json").value().starts_with("{"));
  CHECK(format_report(*report, "pdf").error().kind == Error::Kind::usage);
  request.watch.stop = [] { return true; };
  CHECK(audit(request).error().kind == Error::Kind::interrupted);
}
