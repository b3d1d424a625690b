#include <algorithm>
#include <set>

#include "catch.h"
#include "fuzz/broken_case.h"
#include "input/plan/plan.h"
#include "input/policy/policy.h"
#include "input/text/token_stream.h"
#include "input/trace/trace_file.h"
#include "subjects/recorded.h"
#include "unit/input/temporary_directory.h"

namespace pastonly {
namespace {

using fuzz::BrokenCase;

/// Opens a token stream and reads it to its end.
Expected<void> whole_stream(const std::filesystem::path& path, std::string_view format) {
  const auto stream =
      input::open_token_stream(std::filesystem::is_directory(path) ? path / "data.bin" : path, format, 1000);
  if (!stream) return tl::unexpected(stream.error());
  std::vector<std::int64_t> ids(stream->size());
  return stream->read(0, ids);
}

/// The refusal, or nothing where the file was read.
std::optional<Error> refusal(const BrokenCase& broken, const std::filesystem::path& path) {
  const auto of = [](const auto& result) { return result ? std::nullopt : std::optional(result.error()); };
  input::TraceOptions options;
  switch (broken.reader) {
    case BrokenCase::Reader::raw_trace:
      options.shape = {4, 1, 2};
      break;
    case BrokenCase::Reader::mapped:
      options.map = {{"scores", "scores"}, {"mask", "mask"}};
      break;
    case BrokenCase::Reader::plan:
      return of(input::read_plan(path));
    case BrokenCase::Reader::recorded:
      return of(subjects::open_recorded(path));
    case BrokenCase::Reader::policy:
      return of(input::read_policy(path.string(), "2026-01-01"));
    case BrokenCase::Reader::tokens:
      return of(whole_stream(path, broken.format));
    case BrokenCase::Reader::trace:
      break;
  }
  return of(input::read_trace(path, options));
}

TEST_CASE("every broken file is refused by name and reason, within bounds", "[input][broken]") {
  const auto cases = fuzz::broken_cases();
  REQUIRE(cases.size() >= 60);
  std::set<std::string> names;
  for (const auto& broken : cases) {
    CHECK(names.insert(broken.name).second);
    const TemporaryDirectory directory;
    for (const auto& [name, bytes] : broken.files) {
      directory.write(name.empty() ? broken.name : broken.name + "/" + name, bytes);
    }
    INFO(broken.name);
    const auto error = refusal(broken, directory.path() / broken.name);
    REQUIRE(error);
    INFO(error->message);
    CHECK(error->kind == broken.kind);
    CHECK(error->message.find(broken.name) != std::string::npos);
    for (const auto& mention : broken.mentions) {
      INFO(mention);
      CHECK(error->message.find(mention) != std::string::npos);
    }
    CHECK(error->message.size() < 2000);
    CHECK(std::none_of(error->message.begin(), error->message.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
  }
}

}  // namespace
}  // namespace pastonly
