#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "catch.h"
#include "lint/option.h"
#include "pastonly/routing_rule.h"

using namespace pastonly;
using namespace pastonly::lint;

namespace {

/// The rule of a row with its parameters.
Dependence dependence_of(const Option& option) {
  const std::string text =
      std::string(option.rule) + (option.parameters.empty() ? "" : ",") + std::string(option.parameters);
  const auto spec = parse_rule(text);
  INFO(text);
  REQUIRE(spec.has_value());
  const auto rule = make_rule(spec->id, spec->parameters);
  INFO((rule ? "" : rule.error().message));
  REQUIRE(rule.has_value());
  return (*rule)->dependence(Layout{3, 32}, 8);
}

std::string conditions_of(const Option& option) {
  static constexpr const char* words[] = {"=", "≠", "≥", ">", "<", "on", "off", "set"};
  std::string out;
  for (const Condition& condition : option.when) {
    if (condition.key.empty() || condition.key.front() == '@') continue;
    std::string values(condition.value);
    for (std::size_t at = values.find('|'); at != std::string::npos; at = values.find('|', at))
      values.replace(at, 1, " or ");
    out += out.empty() ? "" : ", ";
    out += "`" + std::string(condition.key) + "` " + words[static_cast<std::size_t>(condition.test)];
    if (!values.empty()) out += " " + values;
    if (!condition.otherwise.empty() && condition.otherwise.front() != '@')
      out += " (default " + std::string(condition.otherwise) + ")";
  }
  return out;
}

std::string page_of(std::string_view rule) {
  std::string out(rule);
  for (char& c : out) {
    if (c == '(') c = '-';
  }
  std::erase(out, ')');
  return out + ".md";
}

std::string report_of(const Option& option) {
  switch (option.effect) {
    case Effect::selects:
      return option.axes.future ? "error" : "warning";
    case Effect::bidirectional:
      return "warning";
    case Effect::chance:
    case Effect::debug:
      return "note";
    case Effect::fine:
      break;
  }
  return "nothing";
}

std::string table() {
  std::string out;
  for (const FrameworkInfo& one : frameworks()) {
    out += "\n### " + std::string(one.title) + "\n\n" + "`--framework " + std::string(one.name) +
           "`; read in " + std::string(one.source) + ", " + std::string(one.version) + ".\n\n";
    std::string rows;
    for (const Option& option : options()) {
      if (option.framework != one.id) continue;
      const std::string rule =
          option.rule.empty() ? "none"
                              : "[`" + std::string(option.rule) + "`](rules/" + page_of(option.rule) + ")";
      rows += "| `" + std::string(option.id) + "` | " + conditions_of(option) + " | " + rule + " | " +
              std::string(in_words(option.modes)) + " | " + causal_in_words(option) + " | " +
              report_of(option) + " | " + std::string(option.what) + " | " + std::string(option.instead) +
              " | " + std::string(option.source) + " |\n";
    }
    if (rows.empty()) {
      out += "No option of its own selects a rule: its files are recognised, and say nothing of routing.\n";
      continue;
    }
    out +=
        "| id | when | rule | in | causal | reported | why | set instead | confirmed in "
        "|\n|---|---|---|---|---|---|---|---|---|\n" +
        rows;
  }
  return out;
}

}  // namespace

TEST_CASE("lint: what rows say of rules is what the rules declare", "[lint]") {
  for (const Option& option : options()) {
    INFO(option.id);
    if (option.rule.empty()) continue;
    REQUIRE(find_rule(option.rule) != nullptr);
    const Dependence declared = dependence_of(option);
    CHECK(declared.future == option.axes.future);
    CHECK(declared.batch == option.axes.batch);
    CHECK(declared.length == option.axes.length);
    // A row that is harmless names a rule that is.
    if (option.effect == Effect::fine || option.effect == Effect::chance) CHECK_FALSE(declared.future);
  }
}

TEST_CASE("lint: every row is complete", "[lint]") {
  std::set<std::string_view> ids, names;
  for (const FrameworkInfo& one : frameworks()) {
    CHECK(names.insert(one.name).second);
    CHECK_FALSE(one.version.empty());
    CHECK(find_framework(one.name) == &one);
  }
  for (const Option& option : options()) {
    INFO(option.id);
    CHECK(ids.insert(option.id).second);
    CHECK_FALSE(option.what.empty());
    CHECK_FALSE(option.source.empty());
    CHECK_FALSE(option.when[0].key.empty());
    if (option.effect == Effect::selects) {
      CHECK_FALSE(option.instead.empty());
      CHECK_FALSE(option.rule.empty());
    }
    CHECK((option.modes.training || option.modes.evaluation));
    CHECK_FALSE(options_of(option.key).empty());
  }
  CHECK(options_of("--moe-token-drop-policy").size() == 2);
  CHECK(options_of("no_such_key").empty());
}

TEST_CASE("docs/lint.md says what the table says", "[lint][docs]") {
  const std::string path = std::string(PASTONLY_SOURCE_DIR) + "/docs/lint.md", heading = "\n## Options\n";
  std::ifstream file(path, std::ios::binary);
  const std::string page{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto at = page.find(heading);
  REQUIRE(at != std::string::npos);
  const std::string expected = page.substr(0, at) + heading + table();
  if (std::getenv("PASTONLY_WRITE_PAGES") != nullptr) std::ofstream(path, std::ios::binary) << expected;
  INFO("docs/lint.md differs from the table: run this test with PASTONLY_WRITE_PAGES=1");
  CHECK((std::getenv("PASTONLY_WRITE_PAGES") != nullptr || page == expected));
}
