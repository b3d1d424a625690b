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
#include "report/json.h"
#include "report/redact.h"
#include "run/verify.h"
#include "run/witness.h"
#include "session/audit_session.h"
#include "session/baseline_file.h"
#include "session/clock.h"
#include "session/compare_session.h"
#include "session/lab_session.h"
#include "session/original_files.h"
#include "session/part_of_work.h"
#include "session/report_file.h"

namespace pastonly::cli {
namespace {

struct VerifyArguments {
  std::string path;
  std::vector<std::string> originals;
};

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

/// The same audit or comparison again, judged by the baseline that the report states.
Expected<Report> repeated(const Report& stated, const session::Environment& environment) {
  Expected<Report> again;
  if (stated.subject.kind == "comparison") {
    const auto request = session::comparison_of(stated);
    if (!request) return tl::unexpected(request.error());
    again = session::run_comparison(*request, environment);
  } else {
    const auto request = session::audit_of(stated);
    if (!request) return tl::unexpected(request.error());
    again = session::run_audit(*request, environment);
  }
  if (!again) return again;
  return run::judge_by_baseline_of(*std::move(again), stated, session::utc_today());
}

/// A checkpoint's runs stand in no files: the second audit makes them anew, witnesses included.
void locate_witnesses(const Report& report, std::vector<run::Statement>& held) {
  if (report.subject.kind == "checkpoint" || report.subject.kind == "comparison") return;
  const auto options = session::trace_options_from(report.subject.options);
  if (!options) return;
  for (auto& row : run::recheck_witnesses(report, *options)) held.push_back(std::move(row));
}

Expected<std::vector<run::Statement>> hold_repeated(const Report& stated,
                                                    const session::Environment& environment) {
  const auto again = repeated(stated, environment);
  if (!again) return tl::unexpected(again.error());
  std::vector<run::Statement> held = session::hold_baseline(stated);
  locate_witnesses(stated, held);
  for (auto& row : run::verify_against(stated, *again)) held.push_back(std::move(row));
  for (std::size_t i = 0; i < std::min(stated.beside.size(), again->beside.size()); ++i) {
    locate_witnesses(stated.beside[i], held);
    for (auto& row : run::verify_against(stated.beside[i], again->beside[i])) held.push_back(std::move(row));
  }
  return held;
}

/// A redacted report names no files: of the originals that are given it is made again, and redacted again.
Expected<std::vector<run::Statement>> hold_redacted(const Report& stated,
                                                    const std::vector<std::string>& originals,
                                                    const session::Environment& environment) {
  auto unredacted = session::with_originals(stated, originals);
  if (!unredacted) return tl::unexpected(unredacted.error());
  const auto again = repeated(*unredacted, environment);
  if (!again) return tl::unexpected(again.error());
  const auto redacted = report::redact(*again);
  if (!redacted) return tl::unexpected(redacted.error());
  std::vector<run::Statement> held = session::hold_baseline(stated);
  const auto hold_one = [&](const Report& redacted_one, const Report& original, const Report& made) {
    const bool same =
        redacted_one.redaction && made.redaction && redacted_one.redaction->digest == made.redaction->digest;
    held.push_back(
        {"digest of the original files", same, same ? "" : "the files are others than those of the audit"});
    locate_witnesses(original, held);
    for (auto& row : run::verify_against(redacted_one, made)) held.push_back(std::move(row));
  };
  hold_one(stated, *again, *redacted);
  for (std::size_t i = 0; i < std::min(stated.beside.size(), again->beside.size()); ++i)
    hold_one(stated.beside[i], again->beside[i], redacted->beside[i]);
  return held;
}

/// Against the full report: whether the redacted one is what redaction makes of it.
std::vector<run::Statement> hold_against_full(const Report& stated, const Report& redacted,
                                              const std::string& path) {
  std::vector<run::Statement> held = run::verify_against(stated, redacted);
  const bool same = report::write_json(stated) == report::write_json(redacted);
  held.push_back(
      {fmt::format("is {}, redacted", path), same, same ? "" : "redaction of it gives another report"});
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

/// Recomputes what the report at `path` states, once its files are known to be those that were read.
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
  return stated.experiment ? hold_experiment(stated, environment) : hold_repeated(stated, environment);
}

int tell(const Expected<std::vector<run::Statement>>& held, const std::string& first) {
  if (!held) return complain(held.error());
  std::size_t broken = 0;
  std::string text = first + listing(*held, broken);
  text += broken == 0 ? fmt::format("All {} statements hold.\n", held->size())
                      : fmt::format("{} of {} statements do not hold.\n", broken, held->size());
  if (const auto printed = print(text); !printed) return complain(printed.error());
  return broken == 0 ? 0 : 1;
}

std::string unchanged(const Report& report) {
  return fmt::format("{} files unchanged\n", files_of(report).size());
}

/// What changed is no progress: it is said to the quiet as well.
template <class Work>
Expected<std::vector<run::Statement>> working(const Session& session, Work work) {
  return long_run(session, [&](session::Environment environment) {
    if (session.quiet) environment.say = tell_line;
    return work(environment);
  });
}

int verify_redacted(const Report& stated, const VerifyArguments& arguments, const Session& session) {
  if (arguments.originals.empty())
    return complain(
        {Error::Kind::usage,
         fmt::format("{}: is redacted; name what it was made from: verify REPORT SUBJECT..., or the full "
                     "report: verify REPORT FULL.json",
                     arguments.path)});
  const std::string& first = arguments.originals.front();
  if (arguments.originals.size() > 1 || !first.ends_with(".json"))
    return tell(working(session,
                        [&](const session::Environment& environment) {
                          return hold_redacted(stated, arguments.originals, environment);
                        }),
                "");
  const auto full = session::read_report(first);
  if (!full) return complain(full.error());
  if (full->redaction)
    return complain(
        {Error::Kind::usage,
         fmt::format("{}: is redacted itself; name the full report, or what it was made from", first)});
  const auto redacted = report::redact(*full);
  if (!redacted) return complain(redacted.error());
  auto held = working(
      session, [&](const session::Environment& environment) { return hold(first, *full, environment); });
  if (held) {
    for (auto& row : hold_against_full(stated, *redacted, first)) held->push_back(std::move(row));
  }
  return tell(held, unchanged(*full));
}

int run_command(const VerifyArguments& arguments, const Session& session) {
  const auto stated = session::read_report(arguments.path);
  if (!stated) return complain(stated.error());
  if (stated->subject.kind == "configuration")
    return complain({Error::Kind::usage, "the report is of configurations: pastonly lint reads them again"});
  if (stated->redaction) return verify_redacted(*stated, arguments, session);
  if (!arguments.originals.empty())
    return complain(
        {Error::Kind::usage,
         fmt::format("{}: names its files itself; originals are for redacted reports", arguments.path)});
  return tell(working(session,
                      [&](const session::Environment& environment) {
                        return hold(arguments.path, *stated, environment);
                      }),
              unchanged(*stated));
}

}  // namespace

void add_verify(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* command = app.add_subcommand(
      "verify", "Recompute every witness and key figure of a report from the files it names");
  command->add_option("report", arguments->path, "JSON report of pastonly audit or pastonly lab")->required();
  command->add_option(
      "originals", arguments->originals,
      "Of a redacted report: what it was made from (trace, plan, checkpoint, or the two that were "
      "compared), or the full JSON report");
  command->footer(
      "Exit codes: 0 all statements hold, 1 some do not, 2 files are missing or changed, 4 wrong usage,\n"
      "130 interrupted.");
  add_session_options(*command, session, Shown::work);
  command->callback([arguments, &session] { session.exit_code = run_command(*arguments, session); });
}

}  // namespace pastonly::cli
