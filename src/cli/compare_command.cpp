#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/baseline_option.h"
#include "cli/checkpoint_options.h"
#include "cli/commands.h"
#include "cli/long_run.h"
#include "cli/messages.h"
#include "cli/outputs.h"
#include "cli/trace_options.h"
#include "input/policy/policy.h"
#include "report/redact.h"
#include "report/write_fixation.h"
#include "session/clock.h"
#include "session/compare_session.h"

namespace pastonly::cli {
namespace {

struct CompareArguments {
  std::vector<std::string> paths;
  std::string policy = "ci";
  BaselineArguments baseline;
  TraceArguments traces;
  CheckpointOptions checkpoint;
};

/// Of more than two there is no verdict: text or JSON on stdout.
int show_fixation(const session::CompareRequest& request, const Session& session) {
  const auto& outputs = session.outputs;
  if (outputs.size() > 1 || (!outputs.empty() && outputs.front() != "json" && outputs.front() != "text"))
    return complain(
        {Error::Kind::usage, "of more than two models -o takes text or json, on standard output"});
  const auto fixed = long_run(session, [&](const session::Environment& environment) {
    return session::run_fixation(request, environment);
  });
  if (!fixed) return complain(fixed.error());
  const bool json = !outputs.empty() && outputs.front() == "json";
  const auto printed = print(json ? report::write_fixation_json(*fixed)
                                  : report::write_fixation_text(*fixed, {wants_color(session.color), 100}));
  return printed ? 0 : complain(printed.error());
}

Expected<session::CompareRequest> request_of(const CompareArguments& arguments, const Session& session) {
  auto policy = input::read_policy(arguments.policy, session::utc_today());
  if (!policy) return tl::unexpected(policy.error());
  auto options = parse(arguments.traces);
  if (!options) return tl::unexpected(options.error());
  auto baseline = read(arguments.baseline, true);
  if (!baseline) return tl::unexpected(baseline.error());
  return session::CompareRequest{arguments.paths,    *std::move(options), arguments.checkpoint,
                                 *std::move(policy), session.seed,        *std::move(baseline)};
}

int run_command(const CompareArguments& arguments, const Session& session) {
  const auto request = request_of(arguments, session);
  if (!request) return complain(request.error());
  if (request->models.size() > 2) {
    if (!arguments.baseline.path.empty() || !arguments.baseline.write.empty())
      return complain(
          {Error::Kind::usage, "of more than two models there is no verdict, so no baseline either"});
    if (session.redact)
      return complain(
          {Error::Kind::usage, "of more than two models there is no report that --redact could redact"});
    return show_fixation(*request, session);
  }
  std::vector<std::string> read{arguments.policy};
  read.insert(read.end(), arguments.paths.begin(), arguments.paths.end());
  if (!arguments.baseline.path.empty()) read.push_back(arguments.baseline.path);
  auto outputs = Outputs::open(outputs_of(arguments.baseline, session), session.color, read);
  if (!outputs) return complain(outputs.error());
  const auto report = long_run(session, [&](const session::Environment& environment) {
    return session::run_comparison(*request, environment);
  });
  if (!report) return complain(report.error());
  const auto shown = session.redact ? report::redact(*report) : report;
  if (!shown) return complain(shown.error());
  if (auto written = outputs->write(*shown); !written) return complain(written.error());
  if (!outputs->to_stdout() && !session.quiet)
    tell_line(fmt::format("{}: {}", shown->subject.name, name(report->verdict)));
  return conclude(arguments.baseline, *report);
}

}  // namespace

void add_compare(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<CompareArguments>();
  CLI::App* command = app.add_subcommand("compare",
                                         "Hold two models' routes of the same tokens against each other, or "
                                         "the checkpoints of a run against its last");
  command
      ->add_option("models", arguments->paths,
                   "Two models, or the checkpoints of a run in order of training: each a trace file, a plan "
                   "directory (its base run), a checkpoint directory or a GGUF file. Of more than two, each "
                   "is held against "
                   "the last, without a verdict, and -o takes text or json without a path")
      ->required()
      ->expected(2, 10000);
  command->add_option("--policy", arguments->policy, "Policy file, or a built-in policy: ci, release")
      ->type_name("POLICY")
      ->capture_default_str();
  add_baseline_options(*command, arguments->baseline);
  add_output_option(*command, session);
  add_redact_option(*command, session);
  add_checkpoint_options(*command, arguments->checkpoint, false);
  add_trace_options(*command, arguments->traces);
  add_session_options(*command, session, Shown::all);
  command->callback([arguments, &session] { session.exit_code = run_command(*arguments, session); });
}

}  // namespace pastonly::cli
