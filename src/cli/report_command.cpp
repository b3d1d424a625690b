#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "input/policy/policy.h"
#include "run/judge.h"
#include "session/clock.h"
#include "session/report_file.h"

namespace pastonly::cli {
namespace {

struct ReportArguments {
  std::string path;
  std::string policy;
};

Expected<Report> load(const ReportArguments& arguments, bool quiet) {
  Progress progress(quiet);
  progress.report(std::nullopt, "reading " + arguments.path);
  auto report = session::read_report(arguments.path);
  if (!report || arguments.policy.empty()) return report;
  if (report->subject.kind == "configuration")
    return usage_error("--policy: the report is of pastonly lint, which knows no policies");
  auto policy = input::read_policy(arguments.policy, session::utc_today());
  if (!policy) return tl::unexpected(policy.error());
  return run::judge_again(*std::move(report), *policy, session::utc_today());
}

int run_command(const ReportArguments& arguments, const Session& session) {
  auto outputs = Outputs::open(session.outputs, session.color, {arguments.policy});
  if (!outputs) return complain(outputs.error());
  const auto report = load(arguments, session.quiet);
  if (!report) return complain(report.error());
  if (auto written = outputs->write(*report); !written) return complain(written.error());
  return exit_code(report->verdict);
}

}  // namespace

void add_report(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<ReportArguments>();
  CLI::App* command =
      app.add_subcommand("report", "Convert a JSON report, or judge it again under another policy");
  command->add_option("report", arguments->path, "JSON report of pastonly audit")->required();
  command->add_option(
      "--policy", arguments->policy,
      "Judge again under this policy; it must have the same alpha, and the same source if it names one");
  add_output_option(*command, session);
  add_session_options(*command, session, Shown::color);
  command->callback([arguments, &session] { session.exit_code = run_command(*arguments, session); });
}

}  // namespace pastonly::cli
