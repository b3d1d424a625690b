#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "cli/long_run.h"
#include "cli/messages.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "cli/validators.h"
#include "input/policy/policy.h"
#include "report/diff.h"
#include "report/redact.h"
#include "run/judge.h"
#include "session/audit_session.h"
#include "session/baseline_file.h"
#include "session/clock.h"
#include "session/merge_parts.h"
#include "session/report_file.h"

namespace pastonly::cli {
namespace {

struct ReportArguments {
  std::vector<std::string> paths;
  std::string policy;
  bool diff = false, merge = false;
  std::string into;
};

Expected<void> check(const ReportArguments& arguments) {
  if (arguments.diff && arguments.merge) return usage_error("--diff and --merge do not go together");
  if (arguments.diff && arguments.paths.size() != 2)
    return usage_error("--diff takes two reports, A.json and B.json");
  if (arguments.merge && arguments.paths.size() < 2)
    return usage_error("--merge takes the reports of two or more parts of a plan");
  if (!arguments.diff && !arguments.merge && arguments.paths.size() != 1)
    return usage_error("report takes one report; two are for --diff, those of parts for --merge");
  if (arguments.merge && arguments.into.empty())
    return usage_error(
        "--merge needs --into DIRECTORY: the plan directory that is to hold the runs of all parts");
  if (!arguments.merge && !arguments.into.empty()) return usage_error("--into is for --merge");
  if (arguments.merge && !arguments.policy.empty())
    return usage_error("--policy: parts are audited under one policy; judge the merged report again instead");
  return {};
}

/// What one audit of all parts' runs says.
Expected<Report> merged(const ReportArguments& arguments, const Session& session) {
  auto first = long_run(session, [&](const session::Environment& environment) {
    return session::gather_parts({arguments.paths, arguments.into}, environment);
  });
  if (!first) return first;
  auto request = session::audit_of(*first);
  if (!request) return tl::unexpected(request.error());
  request->subject = arguments.into;
  return long_run(session, [&](const session::Environment& environment) {
    return session::run_audit(*request, environment);
  });
}

Expected<Report> read(const std::string& path, const Session& session) {
  Progress progress(session.quiet);
  progress.report(std::nullopt, "reading " + path);
  return session::read_report(path);
}

Expected<Report> load(const ReportArguments& arguments, const Session& session) {
  auto report = arguments.merge ? merged(arguments, session) : read(arguments.paths.front(), session);
  if (report && !arguments.policy.empty()) {
    if (report->subject.kind == "configuration")
      return usage_error("--policy: the report is of pastonly lint, which knows no policies");
    auto policy = input::read_policy(arguments.policy, session::utc_today());
    if (!policy) return tl::unexpected(policy.error());
    report = run::judge_again(*std::move(report), *policy, session::utc_today());
  }
  return report && session.redact ? report::redact(*report) : report;
}

Expected<run::EarlierReport> redacted(const run::EarlierReport& read) {
  auto report = report::redact(read.report);
  if (!report) return tl::unexpected(report.error());
  return run::EarlierReport{*std::move(report), "withheld", ""};
}

/// Two reports side by side, on stdout.
int show_diff(const ReportArguments& arguments, const Session& session) {
  const auto& outputs = session.outputs;
  const std::string format = outputs.empty() ? "text" : outputs.front();
  if (outputs.size() > 1 || (format != "text" && format != "json" && format != "markdown"))
    return complain(
        {Error::Kind::usage, "--diff takes one of -o text, json or markdown, on standard output"});
  if (!arguments.policy.empty())
    return complain({Error::Kind::usage,
                     "--diff shows both reports by their own policies; judge them again first: report A.json "
                     "--policy POLICY -o json=A2.json"});
  auto a = session::read_baseline(arguments.paths[0]);
  if (!a) return complain(a.error());
  auto b = session::read_baseline(arguments.paths[1]);
  if (!b) return complain(b.error());
  if (session.redact) {
    a = redacted(*a);
    if (!a) return complain(a.error());
    b = redacted(*b);
    if (!b) return complain(b.error());
  }
  const auto diff = report::diff_of(*std::move(a), *std::move(b), session::utc_today());
  if (!diff) return complain(diff.error());
  const auto printed =
      print(format == "json"       ? report::write_diff_json(*diff)
            : format == "markdown" ? report::write_diff_markdown(*diff)
                                   : report::write_diff_text(*diff, {wants_color(session.color), 100}));
  return printed ? report::exit_code(*diff) : complain(printed.error());
}

int run_command(const ReportArguments& arguments, const Session& session) {
  if (auto usable = check(arguments); !usable) return complain(usable.error());
  if (arguments.diff) return show_diff(arguments, session);
  std::vector<std::string> read = arguments.paths;
  read.push_back(arguments.policy);
  read.push_back(arguments.into);
  auto outputs = Outputs::open(session.outputs, session.color, read);
  if (!outputs) return complain(outputs.error());
  const auto report = load(arguments, session);
  if (!report) return complain(report.error());
  if (auto written = outputs->write(*report); !written) return complain(written.error());
  return exit_code(report->verdict);
}

}  // namespace

void add_report(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<ReportArguments>();
  CLI::App* command = app.add_subcommand("report",
                                         "Convert a JSON report, judge it again under another policy, redact "
                                         "it, hold two side by side, or merge parts");
  command
      ->add_option("report", arguments->paths,
                   "JSON report of pastonly audit; of --diff two, A and B; of --merge those of all parts")
      ->required()
      ->expected(-1);
  command->add_option(
      "--policy", arguments->policy,
      "Judge again under this policy; it must have the same alpha, and the same source if it names one");
  command->add_flag(
      "--diff", arguments->diff,
      "Show what B has that A has not, and the reverse; exit 1 where B has something new or worse "
      "that its policy fails on, 3 where B did not assess what A did");
  command->add_flag(
      "--merge", arguments->merge,
      "The reports are of audits of one plan, each of the runs that were recorded in one place: "
      "say what one audit of all of them says; needs --into");
  command
      ->add_option("--into", arguments->into,
                   "Plan directory that is to hold the runs of all parts; it may be new")
      ->type_name("DIRECTORY")
      ->check(not_empty());
  add_output_option(*command, session);
  add_redact_option(*command, session);
  add_session_options(*command, session, Shown::color);
  command->callback([arguments, &session] { session.exit_code = run_command(*arguments, session); });
}

}  // namespace pastonly::cli
