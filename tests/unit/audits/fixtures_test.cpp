// Every check has a page and a leaky and a clean fixture, and the real binary answers them as they say.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "catch.h"
#include "pastonly/check.h"
#include "toy/writer.h"

using namespace pastonly;
using nlohmann::json;

namespace {

const std::filesystem::path source_root = PASTONLY_SOURCE_DIR;

/// A directory of this test's own that goes with it.
class Scratch {
 public:
  Scratch()
      : path_(std::filesystem::temp_directory_path() / ("pastonly_fixture_" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// Runs `pastonly audit` and returns its exit code; stderr goes to `log`.
int audit(const toy::Recipe& recipe, std::string_view check, const Scratch& scratch) {
  std::string command = quoted(PASTONLY_BINARY) + " audit " + quoted(scratch / "subject") + " -o " +
                        quoted("json=" + (scratch / "report.json").string()) + " --check " +
                        std::string(check);
  for (const std::string& argument : recipe.arguments) command += " " + quoted(argument);
  command += " 2> " + quoted(scratch / "log") + " > /dev/null";
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string slurp(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// "check" and "check/claim" of all findings at least so severe and not suppressed.
std::set<std::string> findings(const json& report, bool notes) {
  std::set<std::string> out;
  for (const json& finding : report.at("findings")) {
    if (!notes && (finding.at("severity") == "note" || !finding.at("suppressed").is_null())) continue;
    const std::string check = finding.at("check");
    out.insert(check);
    out.insert(check + "/" + finding.at("claim").get<std::string>());
  }
  return out;
}

void check_figure(const json& report, std::string_view check, const toy::Expectation::Figure& figure) {
  CAPTURE(figure.name);
  std::size_t found = 0;
  for (const json& entry : report.at("checks")) {
    if (entry.at("id") != check) continue;
    for (const json& measurement : entry.at("measurements")) {
      const json& layer = measurement.at("layer");
      const bool same_layer = figure.layer ? layer == *figure.layer : true;
      if (measurement.at("name") != figure.name || !same_layer) continue;
      ++found;
      const double value = measurement.at("value");
      if (figure.above) CHECK(value > *figure.above);
      if (figure.below) CHECK(value < *figure.below);
      if (figure.equal) CHECK(value == Approx(*figure.equal));
    }
  }
  CHECK(found > 0);
}

/// The script that reads the raw tensors itself agrees with every flip that the report shows.
void recheck(const Scratch& scratch) {
  const std::string command = "python3 " + quoted(source_root / "tests/audits/recheck_witness.py") + " " +
                              quoted(scratch / "report.json") + " > " + quoted(scratch / "recheck") + " 2>&1";
  const int status = std::system(command.c_str());
  const std::string said = slurp(scratch / "recheck");
  CAPTURE(said);
  CHECK(status == 0);
}

void run_fixture(const std::filesystem::path& path, std::string_view check) {
  CAPTURE(path.string());
  const auto recipe = toy::read_recipe(path);
  if (!recipe) FAIL(recipe.error().message);
  const Scratch scratch;
  const auto written = toy::write(*recipe, scratch / "subject");
  if (!written) FAIL(written.error().message);
  const int exit = audit(*recipe, check, scratch);
  const std::string log = slurp(scratch / "log");
  CAPTURE(log);
  const toy::Expectation& expect = recipe->expect;
  CHECK(exit == expect.exit);
  const json report = json::parse(slurp(scratch / "report.json"), nullptr, false);
  REQUIRE(report.is_object());
  const auto serious = findings(report, false), all = findings(report, true);
  CAPTURE(all);
  for (const std::string& name : expect.findings) {
    CAPTURE(name);
    CHECK(serious.contains(name));
  }
  for (const std::string& name : expect.notes) {
    CAPTURE(name);
    CHECK(all.contains(name));
  }
  for (const std::string& name : expect.absent) {
    CAPTURE(name);
    CHECK_FALSE(all.contains(name));
  }
  for (const auto& figure : expect.measurements) check_figure(report, check, figure);
  const bool flips = std::any_of(serious.begin(), serious.end(),
                                 [](const std::string& name) { return name.ends_with("/flip"); });
  if (flips) recheck(scratch);
}

}  // namespace

TEST_CASE("every check has a page and its fixtures", "[fixtures]") {
  CHECK_FALSE(all_checks().empty());
  for (const Check& check : all_checks()) {
    const std::string id(check.id);
    CAPTURE(id);
    CHECK(std::filesystem::exists(source_root / "docs/checks" / (id + ".md")));
    if (check.needs.pair) continue;  // fixtures are one recording each
    CHECK(std::filesystem::exists(source_root / "tests/audits" / id / "leaky.json"));
    CHECK(std::filesystem::exists(source_root / "tests/audits" / id / "clean.json"));
    CHECK_FALSE(check.title.empty());
    CHECK_FALSE(check.help.empty());
  }
}

TEST_CASE("fixtures say what the binary answers", "[fixtures]") {
  for (const Check& check : all_checks()) {
    const auto folder = source_root / "tests/audits" / std::string(check.id);
    if (!std::filesystem::is_directory(folder)) continue;  // the case above fails, or there are none
    std::vector<std::filesystem::path> recipes;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".json") recipes.push_back(entry.path());
    }
    std::sort(recipes.begin(), recipes.end());
    for (const auto& path : recipes) {
      SECTION(std::string(check.id) + " " + path.stem().string()) { run_fixture(path, check.id); }
    }
  }
}

TEST_CASE("every folder of fixtures belongs to a check", "[fixtures]") {
  for (const auto& entry : std::filesystem::directory_iterator(source_root / "tests/audits")) {
    CAPTURE(entry.path().string());
    CHECK((!entry.is_directory() || find_check(entry.path().filename().string()) != nullptr));
  }
}
