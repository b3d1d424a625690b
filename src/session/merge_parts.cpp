#include "session/merge_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <span>
#include <system_error>
#include <vector>

#include "input/files/atomic_file.h"
#include "input/files/hash.h"
#include "input/files/mapped_file.h"
#include "report/json.h"
#include "session/report_file.h"

namespace pastonly::session {
namespace {

namespace fs = std::filesystem;

constexpr const char* plan_name = "plan.json";

/// One file of the plan directory, and where the parts have it.
struct Wanted {
  FileRecord file;
  const std::string* report = nullptr;  ///< path of the report that states it
  std::string subject;                  ///< of that report
};
using Files = std::map<std::string, Wanted>;  // by name within the directory

const FileRecord* plan_of(const Report& report) {
  const auto& files = report.subject.files;
  const auto plan = std::ranges::find_if(
      files, [](const FileRecord& file) { return fs::path(file.path).filename() == plan_name; });
  return plan == files.end() ? nullptr : &*plan;
}

/// "" or why the two cannot be parts of one audit.
std::string differs(const Report& first, const Report& part) {
  if (part.redaction) return "is redacted: it does not name the files that it was made from";
  if (part.subject.kind != "plan" || !part.beside.empty() || plan_of(part) == nullptr)
    return "is not of one plan directory: give reports of pastonly audit PLAN, each of a part of its runs";
  if (plan_of(part)->sha256 != plan_of(first)->sha256) return "is of another plan";
  if (report::policy_json(part.policy) != report::policy_json(first.policy)) return "is under another policy";
  if (part.run.seed != first.run.seed) return "has another seed";
  if (!(part.subject.options == first.subject.options))
    return "was told other things of the files (subject.options)";
  if (!std::ranges::equal(part.checks, first.checks, {}, &Report::CheckEntry::id, &Report::CheckEntry::id))
    return "has other checks";
  return "";
}

/// Files of the plan that the report states; what tags and the like read stays where it is.
Expected<void> add(const std::string& path, const Report& report, Files& files) {
  const fs::path directory = fs::path(plan_of(report)->path).parent_path();
  for (const FileRecord& file : report.subject.files) {
    const std::string name = fs::path(file.path).filename().string();
    if (fs::path(file.path).parent_path() != directory) {
      if (!name.ends_with(".in.safetensors") && !name.ends_with(".out.safetensors")) continue;
      return input_error(fmt::format(
          "{}: states {}, which is not beside its plan.json: no audit of a plan reads such a file", path,
          file.path));
    }
    const auto [at, first] = files.try_emplace(name, Wanted{file, &path, report.subject.name});
    if (first || at->second.file.sha256 == file.sha256) continue;
    return input_error(
        fmt::format("{} differs between the parts of {} and {}: a run belongs to one part, and all inputs "
                    "are of one plan",
                    name, *at->second.report, path));
  }
  return {};
}

/// Where the file may be: a part may have been moved together with its report.
std::vector<fs::path> places(const Wanted& wanted) {
  const fs::path stated = wanted.file.path, beside = fs::path(*wanted.report).parent_path();
  // "plan/" names the folder as "plan" does.
  const fs::path subject = (fs::path(wanted.subject) / "").parent_path().filename();
  std::vector<fs::path> found;
  for (const fs::path& place : {stated, beside / subject / stated.filename(), beside / stated.filename()}) {
    std::error_code error;
    if (fs::is_regular_file(place, error)) found.push_back(place);
  }
  return found;
}

Expected<void> copy(const Wanted& wanted, const fs::path& target) {
  std::error_code error;
  if (fs::exists(fs::symlink_status(target, error))) {
    const auto there = input::sha256_file(target);
    if (!there) return tl::unexpected(there.error());
    if (*there == wanted.file.sha256) return {};
    return input_error(fmt::format("{}: is there and is another file than {}; merge into an empty directory",
                                   target.string(), wanted.file.path));
  }
  const auto found = places(wanted);
  for (const fs::path& place : found) {
    const auto bytes = input::MappedFile::open(place);
    if (!bytes) return tl::unexpected(bytes.error());
    if (input::sha256_bytes((*bytes)->bytes()) != wanted.file.sha256) continue;
    const std::span<const std::byte> whole[] = {(*bytes)->bytes()};
    return input::write_atomically(target, whole);
  }
  if (found.empty())
    return input_error(
        fmt::format("{}: is missing; {} was made from it (it is looked for there and beside the report)",
                    wanted.file.path, *wanted.report));
  return input_error(fmt::format("{}: changed since the audit that {} is of; audit that part again",
                                 found.front().string(), *wanted.report));
}

/// What no part states would be audited with the rest.
Expected<void> check_nothing_else(const fs::path& directory, const Files& files) {
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name.ends_with(".safetensors") && !files.contains(name))
      return input_error(
          fmt::format("{}: no report states it; merge into an empty directory", at->path().string()));
  }
  if (error) return input_error(fmt::format("{}: cannot be read: {}", directory.string(), error.message()));
  return {};
}

Expected<Report> read_part(const std::string& path, const Report* first) {
  auto report = read_report(path);
  if (!report) return report;
  if (const std::string why = differs(first != nullptr ? *first : *report, *report); !why.empty())
    return usage_error(fmt::format(
        "{} {}{}", path, why, first != nullptr ? "; all parts are audited alike (the first says how)" : ""));
  return report;
}

}  // namespace

Expected<Report> gather_parts(const PartsRequest& request, const Environment& environment) {
  auto first = read_part(request.reports.front(), nullptr);
  if (!first) return first;
  Files files;
  for (const std::string& path : request.reports) {
    auto part = read_part(path, &*first);
    if (!part) return part;
    if (auto added = add(path, *part, files); !added) return tl::unexpected(added.error());
  }
  if (first->baseline)
    environment.say(
        fmt::format("{}: its baseline is left aside; hold the merged report against it with report --diff",
                    request.reports.front()));
  const fs::path directory = request.directory;
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return input_error(fmt::format("{}: cannot be made: {}", directory.string(), error.message()));
  if (auto alone = check_nothing_else(directory, files); !alone) return tl::unexpected(alone.error());
  std::size_t done = 0;
  for (const auto& [name, wanted] : files) {
    if (environment.watch.stop())
      return tl::unexpected(
          Error{Error::Kind::interrupted, "interrupted; the same command goes on from what is copied"});
    environment.watch.progress(static_cast<double>(done++) / static_cast<double>(files.size()), name);
    if (auto copied = copy(wanted, directory / name); !copied) return tl::unexpected(copied.error());
  }
  return first;
}

}  // namespace pastonly::session
