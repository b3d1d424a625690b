#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "cli/commands.h"
#include "cli/long_run.h"
#include "cli/messages.h"
#include "cli/outputs.h"
#include "cli/trace_options.h"
#include "input/files/hash.h"
#include "input/text/printable.h"
#include "pastonly/check.h"
#include "run/verify.h"
#include "run/witness.h"
#include "session/audit_session.h"
#include "session/compare_session.h"
#include "session/lab_session.h"
#include "session/part_of_work.h"
#include "session/report_file.h"

namespace pastonly::cli {
namespace {

std::vector<FileRecord> files_of(const Report& report) {
  std::vector<FileRecord> files = report.subject.files;
  for (const Report& other : report.beside)
    files.insert(files.end(), other.subject.files.begin(), other.subject.files.end());
  return files;
}

/// Which of the named files are no longer what was audited, a line each.
std::vector<std::string> changed_files(const std::vector<FileRecord>& files, const Watch& watch) {
  std::vector<std::string> lines;
  double all = 1.0, hashed = 0.0;  // bytes
  for (const FileRecord& file : files) all += static_cast<double>(file.bytes);
  for (const FileRecord& file : files) {
    if (watch.stop()) break;
    watch.progress(hashed / all, fmt::format("hashing {}", file.path));
    hashed += static_cast<double>(file.bytes);
    std::error_code error;
    const auto bytes = std::filesystem::file_size(file.path, error);
    if (error && !std::filesystem::exists(file.path)) {
      lines.push_back(fmt::format("{}: is missing", file.path));
      continue;
    }
    const auto hash = input::sha256_file(file.path);
    if (!hash) {
      lines.push_back(hash.error().message);
    } else if (bytes != file.bytes || *hash != file.sha256) {
      lines.push_back(fmt::format("{}: changed since the audit (sha256 {}, the report states {})", file.path,
                                  hash->substr(0, 12), file.sha256.substr(0, 12)));
    }
  }
  return lines;
}

Expected<session::AuditRequest> request_of(const Report& report) {
  if (report.subject.kind == "process")
    return usage_error(
        "the report is of a program that answered (--exec), which verify does not start: record its runs "
        "with "
        "audit --record DIRECTORY, and verify the report of an audit of that plan");
  session::AuditRequest request;
  request.subject = report.subject.name;
  if (report.subject.kind == "logs") {
    if (auto given = session::logs_from_value(report.subject.options, request); !given)
      return tl::unexpected(given.error());
  } else {
    auto options = session::trace_options_from(report.subject.options);
    if (!options) return tl::unexpected(options.error());
    request.options = *std::move(options);
    request.checkpoint = session::checkpoint_options_from(report.subject.options);
    request.tags = session::tag_files_from(report.subject.options);
  }
  for (const Report& other : report.beside) request.beside.push_back(other.subject.name);
  request.policy = report.policy;
  request.seed = report.run.seed;
  for (const auto& check : report.checks) {
    if (find_check(check.id) == nullptr) {
      return input_error(
          fmt::format("the report holds check {}, which this version does not have", check.id));
    }
    request.checks.push_back(check.id);
  }
  return request;
}

std::string listing(const std::vector<run::Statement>& held, std::size_t& broken) {
  std::string out;
  for (const run::Statement& row : held) {
    if (!row.holds) ++broken;
    out += input::printable(fmt::format("{}  {}{}{}", row.holds ? "holds        " : "does not hold", row.what,
                                        row.why.empty() ? "" : ": ", row.why)) +
           "\n";
  }
  return out;
}

Expected<std::vector<run::Statement>> hold_comparison(const Report& stated,
                                                      const session::Environment& environment) {
  const auto request = session::comparison_of(stated);
  if (!request) return tl::unexpected(request.error());
  const auto again = session::run_comparison(*request, environment);
  if (!again) return tl::unexpected(again.error());
  return run::verify_against(stated, *again);
}

Expected<std::vector<run::Statement>> hold_audit(const Report& stated,
                                                 const session::Environment& environment) {
  const auto request = request_of(stated);
  if (!request) return tl::unexpected(request.error());
  const auto again = session::run_audit(*request, environment);
  if (!again) return tl::unexpected(again.error());
  // A checkpoint's runs stand in no files: the second audit makes them anew, witnesses included.
  std::vector<run::Statement> held;
  if (stated.subject.kind != "checkpoint") held = run::recheck_witnesses(stated, request->options);
  for (auto& row : run::verify_against(stated, *again)) held.push_back(std::move(row));
  for (std::size_t i = 0; i < std::min(stated.beside.size(), again->beside.size()); ++i) {
    for (auto& row : run::recheck_witnesses(stated.beside[i], request->options))
      held.push_back(std::move(row));
    for (auto& row : run::verify_against(stated.beside[i], again->beside[i])) held.push_back(std::move(row));
  }
  return held;
}

/// Where arms are trained again: the user's own cache, so that nothing trained comes with what is verified.
Expected<std::filesystem::path> training_directory(const Report& stated) {
  const auto set = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::filesystem::path(value != nullptr ? value : "");
  };
  std::filesystem::path cache = set("XDG_CACHE_HOME");
  if (cache.empty() && !set("HOME").empty()) cache = set("HOME") / ".cache";
  if (cache.empty())
    return usage_error(
        "neither XDG_CACHE_HOME nor HOME is set; the arms are trained again in a folder there");
  std::error_code error;
  const auto experiment = std::filesystem::absolute(stated.subject.name, error).string();
  return cache / "pastonly" / "verify" / input::sha256_text(experiment).substr(0, 16);
}

/// Trains all arms again, in a directory of its own that an interrupted verification goes on from.
Expected<std::vector<run::Statement>> hold_experiment(const Report& stated,
                                                      const session::Environment& environment) {
  auto experiment = lab::read_experiment(stated.subject.name);
  if (!experiment) return tl::unexpected(experiment.error());
  const auto directory = training_directory(stated);
  if (!directory) return tl::unexpected(directory.error());
  // Every arm was checked by the same checks.
  std::vector<std::string> checks;
  if (const auto& arms = stated.experiment->arms; !arms.empty()) {
    for (const auto& check : arms.front().checks) checks.push_back(check.id);
  }
  const auto again = session::run_lab({stated.subject.name, *std::move(experiment), directory->string(),
                                       stated.policy, !checks.empty(), checks},
                                      environment);
  if (!again) return tl::unexpected(again.error());
  std::error_code ignored;
  std::filesystem::remove_all(*directory, ignored);
  return run::verify_against(stated, *again);
}

/// Recomputes what the report states, once its files are known to be those that were read.
Expected<std::vector<run::Statement>> hold(const std::string& path, const Report& stated,
                                           session::Environment environment) {
  // An audit reads what was hashed once, and computes more.
  const double hashing = 0.1;
  const Watch whole = environment.watch;
  const auto files = files_of(stated);
  const auto changed = changed_files(files, session::part_of_work(whole, 0.0, hashing));
  if (whole.stop()) return tl::unexpected(Error{Error::Kind::interrupted, "interrupted"});
  if (!changed.empty()) {
    constexpr std::size_t shown = 10;
    for (std::size_t i = 0; i < std::min(shown, changed.size()); ++i) environment.say(changed[i]);
    return input_error(
        fmt::format("{}: {} of {} files are missing or changed; nothing was recomputed. The report keeps "
                    "paths as they were given to the audit: run verify in the folder where the audit ran",
                    path, changed.size(), files.size()));
  }
  environment.watch = session::part_of_work(whole, hashing, 1.0);
  if (stated.experiment) return hold_experiment(stated, environment);
  if (stated.subject.kind == "comparison") return hold_comparison(stated, environment);
  return hold_audit(stated, environment);
}

int run_command(const std::string& path, const Session& session) {
  const auto stated = session::read_report(path);
  if (!stated) return complain(stated.error());
  if (stated->subject.kind == "configuration")
    return complain({Error::Kind::usage, "the report is of configurations: pastonly lint reads them again"});
  auto held = long_run(session, [&](session::Environment environment) {
    // What changed is no progress: it is said to the quiet as well.
    if (session.quiet) environment.say = tell_line;
    return hold(path, *stated, std::move(environment));
  });
  if (!held) return complain(held.error());
  std::size_t broken = 0;
  std::string text = fmt::format("{} files unchanged\n", files_of(*stated).size()) + listing(*held, broken);
  text += broken == 0 ? fmt::format("All {} statements hold.\n", held->size())
                      : fmt::format("{} of {} statements do not hold.\n", broken, held->size());
  if (const auto printed = print(text); !printed) return complain(printed.error());
  return broken == 0 ? 0 : 1;
}

}  // namespace

void add_verify(CLI::App& app, Session& session) {
  auto path = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "verify", "Recompute every witness and key figure of a report from the files it names");
  command->add_option("report", *path, "JSON report of pastonly audit or pastonly lab")->required();
  command->footer(
      "Exit codes: 0 all statements hold, 1 some do not, 2 files are missing or changed, 4 wrong usage,\n"
      "130 interrupted.");
  add_session_options(*command, session, Shown::work);
  command->callback([path, &session] { session.exit_code = run_command(*path, session); });
}

}  // namespace pastonly::cli
