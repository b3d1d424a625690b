#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/long_run.h"
#include "cli/messages.h"
#include "cli/outputs.h"
#include "cli/validators.h"
#include "input/policy/policy.h"
#include "run/judge.h"
#include "session/audit_session.h"
#include "session/clock.h"
#include "session/merge_parts.h"
#include "session/report_file.h"

namespace pastonly::cli {
namespace {

struct ReportArguments {
  std::string path;
  std::string policy;
  std::vector<std::string> parts;
  std::string into;
};

/// What one audit of all parts' runs says.
Expected<Report> merge(const ReportArguments& arguments, const Session& session) {
  const auto first = long_run(session, [&](const session::Environment& environment) {
    return session::gather_parts({arguments.parts, arguments.into}, environment);
  });
  if (!first) return first;
  auto request = session::audit_of(*first);
  if (!request) return tl::unexpected(request.error());
  request->subject = arguments.into;
  return long_run(session, [&](const session::Environment& environment) {
    return session::run_audit(*request, environment);
  });
}

Expected<void> check(const ReportArguments& arguments) {
  const bool merging = !arguments.parts.empty();
  if (merging == !arguments.path.empty())
    return usage_error(
        "give one JSON report, or the reports of parts: --merge PART.json PART.json --into DIRECTORY");
  if (merging && arguments.into.empty())
    return usage_error(
        "--merge needs --into DIRECTORY: the plan directory that is to hold the runs of all parts");
  if (!merging && !arguments.into.empty()) return usage_error("--into is for --merge");
  if (merging && !arguments.policy.empty())
    return usage_error("--policy: parts are audited under one policy; judge the merged report again instead");
  return {};
}

Expected<Report> load(const ReportArguments& arguments, const Session& session) {
  if (!arguments.parts.empty()) return merge(arguments, session);
  auto report = session::read_report(arguments.path);
  if (!report || arguments.policy.empty()) return report;
  if (report->subject.kind == "configuration")
    return usage_error("--policy: the report is of pastonly lint, which knows no policies");
  auto policy = input::read_policy(arguments.policy, session::utc_today());
  if (!policy) return tl::unexpected(policy.error());
  return run::judge_again(*std::move(report), *policy, session::utc_today());
}

int run_command(const ReportArguments& arguments, const Session& session) {
  if (auto usable = check(arguments); !usable) return complain(usable.error());
  auto outputs = Outputs::open(session.outputs, session.color, {arguments.policy});
  if (!outputs) return complain(outputs.error());
  const auto report = load(arguments, session);
  if (!report) return complain(report.error());
  if (auto written = outputs->write(*report); !written) return complain(written.error());
  return exit_code(report->verdict);
}

}  // namespace

void add_report(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<ReportArguments>();
  CLI::App* command =
      app.add_subcommand("report", "Convert a JSON report, or judge it again under another policy");
  command->add_option("report", arguments->path, "JSON report of pastonly audit");
  command->add_option(
      "--policy", arguments->policy,
      "Judge again under this policy; it must have the same alpha, and the same source if it names one");
  command
      ->add_option(
          "--merge", arguments->parts,
          "Reports of audits of one plan, each of the runs that were recorded in one place: what one "
          "audit of all of them says; needs --into")
      ->type_name("PART.json")
      ->expected(-2);
  command
      ->add_option("--into", arguments->into,
                   "Plan directory that is to hold the runs of all parts; it may be new")
      ->type_name("DIRECTORY")
      ->check(not_empty());
  add_output_option(*command, session);
  add_session_options(*command, session, Shown::color);
  command->callback([arguments, &session] { session.exit_code = run_command(*arguments, session); });
}

}  // namespace pastonly::cli
