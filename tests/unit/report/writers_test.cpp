#include <string>

#include "catch.h"
#include "report/bars.h"
#include "report/finding_families.h"
#include "report/html_parts.h"
#include "report/junit_cases.h"
#include "report/markdown_text.h"
#include "report/told_findings.h"
#include "report/writer.h"

using namespace pastonly;
using namespace pastonly::report;

namespace {

Report::Finding finding(std::string message, std::vector<std::uint32_t> layers, std::string arm = "") {
  Report::Finding out;
  out.check = "causal-mask";
  out.claim = "x";
  out.severity = Severity::warning;
  out.message = std::move(message);
  out.layers = std::move(layers);
  out.fingerprint = "f";
  if (!arm.empty()) out.witness.set("arm", arm);
  return out;
}

}  // namespace

TEST_CASE("a path becomes a relative or a file URI whatever its bytes", "[report]") {
  CHECK(uri_of("a/b_1.json") == "a/b_1.json");
  CHECK(uri_of("./a b") == "a%20b");
  CHECK(uri_of("/a/%") == "file:///a/%25");
  CHECK(uri_of("c:x\xff\n") == "c%3Ax%FF%0A");
  CHECK(uri_of("./") == "pastonly");
}

TEST_CASE("a finding stands at the policy, the configuration or the first file", "[report]") {
  Report report;
  CHECK(place_of(report).file == "pastonly");
  report.subject.files = {{"m/model.safetensors", 1, ""}, {"m/config.json", 1, ""}};
  CHECK(place_of(report).file == "m/config.json");
  report.subject.files.pop_back();
  CHECK(place_of(report).file == "m/model.safetensors");
  report.policy.name = "release";
  CHECK(place_of(report).file == "m/model.safetensors");
  report.policy.name = "ours.json";
  CHECK(place_of(report).file == "ours.json");
}

TEST_CASE("fingerprints are unique over all recordings and the most severe come first", "[report]") {
  Report report, other;
  report.findings = {finding("a", {0}), finding("b", {1})};
  other.findings = {finding("c", {0})};
  other.findings.front().severity = Severity::error;
  other.subject.name = "other\n";
  report.beside.push_back(other);
  const auto told = told_findings(report);
  REQUIRE(told.size() == 3);
  CHECK(told[0].message == "other?: c (layer 0)");
  CHECK(told[0].fingerprint == "f-3");
  CHECK(told[1].fingerprint == "f");
  CHECK(told[2].fingerprint == "f-2");
}

TEST_CASE("JUnit cases have names of their own, and an error stays beside findings", "[report]") {
  Report report;
  Report::CheckEntry entry;
  entry.id = "causal-mask";
  entry.status = "error";
  entry.reason = "broken";
  report.checks = {entry, entry};
  report.findings = {finding("a", {3})};
  const auto suites = junit_suites(report);
  REQUIRE(suites.size() == 1);
  std::vector<std::string> names;
  for (const JunitCase& one : suites[0].cases) names.push_back(one.name);
  CHECK(names == std::vector<std::string>{"verdict", "causal-mask", "causal-mask, layer 3", "causal-mask-2"});
  CHECK(suites[0].cases[1].result == JunitCase::Result::error);
}

TEST_CASE("findings that say the same are one family", "[report]") {
  // Figures and layers differ, or the arm does; another sentence is another family.
  auto kin = families({finding("1 of 2; x", {1}), finding("3 of 4; y", {0}), finding("others", {2})});
  REQUIRE(kin.size() == 2);
  CHECK(kin[0].more == 1);
  CHECK(kin[0].layers == std::vector<std::uint32_t>{0, 1});
  kin = families({finding("a", {0}, "one"), finding("b", {1}, "two"), finding("c", {2}, "one"),
                  finding("a", {3}, "one"), finding("c", {4}, "three")});
  REQUIRE(kin.size() == 2);
  CHECK(kin[0].arms == std::vector<std::string>{"two", "three"});
  CHECK(kin[0].layers == std::vector<std::uint32_t>{0, 1, 3, 4});
  CHECK(kin[1].layers == std::vector<std::uint32_t>{2});
}

TEST_CASE("text is no markup in Markdown and HTML", "[report]") {
  CHECK(markdown_text("a|b<script>`x` [l](http://c) www.d\n") ==
        "a\\|b&lt;script&gt;\\`x\\` \\[l\\](http:\\//c) www\\.d?");
  CHECK(markdown_text("- no list") == "\\- no list");
  CHECK(markdown_code("a`|b") == "`a'¦b`");
  CHECK(html_paragraph("a `b` <i>`") == "<p>a <code>b</code> &lt;i&gt;`</p>\n");
  CHECK(cut_to("aäb", 3) == "…");
  CHECK(cut_to("aäbcd", 5) == "a…");
}

TEST_CASE("figures that lie near one another are drawn as dots, others as bars from 0", "[report]") {
  const auto dots = draw_bars("t", {{"a", 6.0, {}, {}}, {"b", 5.9, 5.8, 6.0}}, "bits", 6.0, 0.0, 760.0).body;
  CHECK(dots.find("<circle") != std::string::npos);
  CHECK(dots.find("<rect") == std::string::npos);
  const auto bars = draw_bars("t", {{"a", -0.1, {}, {}}, {"b", 2.0, {}, {}}}, "bits", {}, 0.0, 760.0).body;
  CHECK(bars.find("<rect") != std::string::npos);
  const auto alike = draw_bars("t", {{"a", 0.0, {}, {}}}, "bits", {}, 0.0, 760.0).body;
  CHECK(alike.find("nan") == std::string::npos);
  CHECK(alike.find("inf") == std::string::npos);
  // Noise of 1e-4 bits, on a scale that spans 0.02 at least: no bar is longer than a fiftieth of it.
  const auto noise =
      draw_bars("t", {{"a", 1e-4, {}, {}}, {"b", -1e-4, {}, {}}}, "bits", 0.02, 0.02, 760.0).body;
  CHECK(noise.find("width=\"1.") != std::string::npos);
  const auto near = draw_bars("t", {{"a", 6.0, {}, {}}, {"b", 6.0001, {}, {}}}, "bits", {}, 0.02, 760.0).body;
  CHECK(near.find("<circle") != std::string::npos);
}

TEST_CASE("every format writes a report that holds nothing", "[report]") {
  for (const Writer& writer : writers()) {
    INFO(writer.format);
    CHECK_FALSE(writer.write(Report{}, {}).empty());
  }
}
