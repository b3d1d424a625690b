#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "catch.h"
#include "input/policy/embedded_policies.h"
#include "input/policy/policy.h"
#include "pastonly/check.h"
#include "toy/recipe.h"

using namespace pastonly;

namespace {

std::string file_name(std::string_view id) {
  std::string name(id);
  std::ranges::replace(name, '-', '_');
  return name;
}

/// Whether some of what a fixture expects is said by the check.
bool says(const std::vector<std::string>& expected, std::string_view check) {
  return std::ranges::any_of(expected,
                             [&](const std::string& id) { return id.substr(0, id.find('/')) == check; });
}

}  // namespace

TEST_CASE("every check is listed once, explained, documented, and has its fixtures", "[catalogue]") {
  const std::filesystem::path root = PASTONLY_SOURCE_DIR;
  std::set<std::string> files;
  for (const Check& check : all_checks()) {
    INFO(check.id);
    CHECK(files.insert(file_name(check.id)).second);
    CHECK(find_check(check.id) == &check);
    CHECK_FALSE(check.title.empty());
    CHECK(check.help.size() > 40);
    CHECK(check.run != nullptr);
    const std::filesystem::path id(check.id), fixtures = root / "tests/audits" / id;
    for (const auto& part :
         {root / "audits" / (file_name(check.id) + ".cpp"), root / "docs/checks" / (id.string() + ".md"),
          fixtures / "leaky.json", fixtures / "clean.json"}) {
      INFO(part.string() << " is missing");
      // Fixtures are one recording each.
      if (check.needs.pair && part.extension() == ".json") continue;
      CHECK(std::filesystem::exists(part));
    }
  }
  for (const auto& entry : std::filesystem::directory_iterator(root / "audits")) {
    const auto name = entry.path().stem().string();
    INFO(entry.path().string() << " has no line in audits/checks.h");
    if (entry.path().extension() == ".cpp" && name != "catalogue") CHECK(files.contains(name));
  }
  CHECK(find_check("no-such-check") == nullptr);
}

TEST_CASE("the embedded policies read, and differ where they should", "[catalogue]") {
  std::set<std::string_view> names;
  for (const auto& policy : input::embedded_policies()) names.insert(policy.name);
  CHECK(names == std::set<std::string_view>{"ci", "release"});
  const auto ci = input::read_policy("ci"), release = input::read_policy("release");
  REQUIRE(ci);
  REQUIRE(release);
  CHECK(ci->require == std::vector<std::string>{"causal-mask"});
  CHECK(ci->require_mode.empty());
  CHECK(release->require == std::vector<std::string>{"causal-mask", "batch-isolation"});
  CHECK(release->require_mode == std::vector<std::string>{"train"});
  CHECK(release->severity.at("batch-isolation") == Severity::error);
  CHECK(ci->severity.at("batch-isolation") == Severity::warning);
  CHECK(ci->severity.at("causal-mask") == Severity::error);
  for (const Check& check : all_checks()) {
    INFO(check.id);
    if (check.needs.pair) continue;
    const auto leaky = std::filesystem::path(PASTONLY_SOURCE_DIR) / "tests/audits" / check.id / "leaky.json";
    const auto recipe = toy::read_recipe(leaky);
    REQUIRE(recipe);
    const bool found = says(recipe->expect.findings, check.id), noted = says(recipe->expect.notes, check.id);
    if (found) CHECK(release->severity.contains(check.id));
    if (release->severity.contains(check.id)) CHECK((found || noted));
  }
}
