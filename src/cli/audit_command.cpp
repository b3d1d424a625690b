#include <fmt/format.h>

#include <memory>
#include <utility>

#include "cli/baseline_option.h"
#include "cli/check_option.h"
#include "cli/checkpoint_options.h"
#include "cli/commands.h"
#include "cli/long_run.h"
#include "cli/messages.h"
#include "cli/outputs.h"
#include "cli/program_options.h"
#include "cli/trace_options.h"
#include "cli/validators.h"
#include "input/policy/policy.h"
#include "input/policy/source_text.h"
#include "report/redact.h"
#include "session/audit_session.h"
#include "session/clock.h"

namespace pastonly::cli {
namespace {

struct AuditArguments {
  std::vector<std::string> subjects;
  std::string policy = "ci";
  std::vector<std::string> checks;
  std::string source;
  std::vector<std::string> logs;
  std::string unit = "nats";
  TraceArguments trace;
  CheckpointOptions checkpoint;
  std::vector<std::string> tags;  ///< NAME=FILE each
  ProgramArguments program;
  BaselineArguments baseline;
};

/// An option that would say something of another subject, beside training logs.
std::string foreign_to_logs(const AuditArguments& arguments, const input::TraceOptions& options) {
  if (!arguments.checks.empty()) return "--check";
  if (!arguments.source.empty()) return "--source";
  if (!arguments.tags.empty()) return "--tags";
  const Value said = session::to_value(options);
  if (said.object()->empty()) return session::given(arguments.checkpoint).value_or("");
  const std::string& key = said.object()->front().first;
  return key == "top_k" ? "--top-k" : "--" + key;
}

Expected<session::AuditRequest> request_of(const AuditArguments& arguments, const Session& session) {
  auto policy = input::read_policy(arguments.policy, session::utc_today());
  if (!policy) return tl::unexpected(policy.error());
  if (!arguments.source.empty()) {
    auto source = input::parse_source(arguments.source);
    if (!source) return tl::unexpected(source.error());
    policy->source = *source;
  }
  if (auto known = known_checks(arguments.checks); !known) return tl::unexpected(known.error());
  auto options = parse(arguments.trace);
  if (!options) return tl::unexpected(options.error());
  auto tags = parse_pairs(arguments.tags, "--tags", "NAME=FILE, for example language=languages.txt");
  if (!tags) return tl::unexpected(tags.error());
  const std::string subject = arguments.subjects.empty() ? "" : arguments.subjects.front();
  if (!subject.empty() && !arguments.logs.empty())
    return usage_error(
        "audit takes a trace file, a plan directory or a checkpoint, or training logs (--log), not both");
  auto program = parse(arguments.program, *options);
  if (!program) return tl::unexpected(program.error());
  const bool external = !program->command.empty() || program->attached;
  if (subject.empty() && arguments.logs.empty() && !external)
    return usage_error(
        "audit needs a trace file, a plan directory, a checkpoint, a program (--exec COMMAND), a server "
        "(--url URL), or training "
        "logs "
        "(--log LABEL:FILE)");
  if (external && (!subject.empty() || !arguments.logs.empty()))
    return usage_error("a program (--exec) is audited by itself; give no other subject and no training logs");
  input::LogOptions log = arguments.unit == "bits" ? input::LossUnit::bits : input::LossUnit::nats;
  for (const auto& [key, column] :
       arguments.logs.empty() ? decltype(options->map)() : std::exchange(options->map, {})) {
    if (key != input::LogOptions::step_part && key != input::LogOptions::loss_part)
      return usage_error(
          fmt::format("--map {}={}: of training logs, step and loss can be named", key, column));
    (key == input::LogOptions::step_part ? log.step : log.loss) = column;
  }
  if (const auto option = foreign_to_logs(arguments, *options); !option.empty() && !arguments.logs.empty())
    return usage_error(
        fmt::format("{} has no meaning beside --log, which takes --unit and --map alone", option));
  CheckpointOptions checkpoint = arguments.checkpoint;
  if (checkpoint.rule.empty() && session::is_checkpoint(subject)) checkpoint.rule = policy->rule;
  std::vector<std::string> beside;
  if (arguments.subjects.size() > 1) beside.assign(arguments.subjects.begin() + 1, arguments.subjects.end());
  auto baseline = read(arguments.baseline, false);
  if (!baseline) return tl::unexpected(baseline.error());
  return session::AuditRequest{
      subject,          *std::move(options), *std::move(policy), arguments.checks,
      session.seed,     arguments.logs,      std::move(log),     std::move(checkpoint),
      *std::move(tags), *std::move(program), std::move(beside),  *std::move(baseline)};
}

/// An interrupted audit of a checkpoint says how to go on.
Error with_advice(Error error, const session::AuditRequest& request) {
  if (error.kind != Error::Kind::interrupted || !session::is_checkpoint(request.subject)) return error;
  const std::string& kept = request.checkpoint.record;
  error.message +=
      kept.empty() ? "; with --record DIRECTORY the runs are kept, and the same command continues from them"
                   : fmt::format("; repeat the same command to continue from the runs in {}", kept);
  return error;
}

int run_command(const AuditArguments& arguments, const Session& session) {
  const auto request = request_of(arguments, session);
  if (!request) return complain(request.error());
  std::vector<std::string> read{arguments.policy};
  read.insert(read.end(), arguments.subjects.begin(), arguments.subjects.end());
  for (const auto& [name, path] : request->tags) read.push_back(path);
  for (const std::string& log : arguments.logs) read.push_back(log.substr(log.find(':') + 1));
  if (!arguments.baseline.path.empty()) read.push_back(arguments.baseline.path);
  auto outputs = Outputs::open(outputs_of(arguments.baseline, session), session.color, read);
  if (!outputs) return complain(outputs.error());
  const auto report = long_run(session, [&](const session::Environment& environment) {
    return session::run_audit(*request, environment);
  });
  if (!report) return complain(with_advice(report.error(), *request));
  const auto shown = session.redact ? report::redact(*report) : report;
  if (!shown) return complain(shown.error());
  if (auto written = outputs->write(*shown); !written) return complain(written.error());
  if (!outputs->to_stdout() && !session.quiet) {
    tell_line(fmt::format("{}: {}", shown->subject.name, name(report->verdict)));
  }
  return conclude(arguments.baseline, *report);
}

}  // namespace

void add_audit(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<AuditArguments>();
  CLI::App* command = app.add_subcommand("audit", "Audit a recorded trace, a plan directory or a checkpoint");
  command->add_option(
      "subject", arguments->subjects,
      "Trace file, plan directory, Hugging Face checkpoint directory or GGUF file; several recordings of "
      "one model, in training and in evaluation mode, get one verdict");
  command->add_option("--policy", arguments->policy, "Policy file, or a built-in policy: ci, release")
      ->type_name("POLICY")
      ->capture_default_str();
  add_check_option(*command, arguments->checks);
  command
      ->add_option("--source", arguments->source,
                   "Source that the tokens were drawn from: uniform:VOCAB or markov:vocab=V,order=M,...")
      ->type_name("SOURCE")
      ->check(not_empty());
  command
      ->add_option("--log", arguments->logs,
                   "Audit training logs instead: LABEL:FILE, with the label chunk=N or causal; repeatable")
      ->type_name("LABEL:FILE")
      ->allow_extra_args(false);
  command->add_option("--unit", arguments->unit, "Unit of the losses in the logs: nats or bits")
      ->type_name("UNIT")
      ->check(CLI::IsMember({"nats", "bits"}))
      ->capture_default_str()
      ->needs("--log");
  command
      ->add_option("--tags", arguments->tags,
                   "Tags of the batch that a recording does not hold: an array (.npy) or text with a label a "
                   "line, one for every sequence or token; repeatable")
      ->type_name("NAME=FILE")
      ->allow_extra_args(false);
  add_baseline_options(*command, arguments->baseline);
  add_output_option(*command, session);
  add_redact_option(*command, session);
  add_checkpoint_options(*command, arguments->checkpoint, true);
  add_trace_options(*command, arguments->trace);
  add_program_options(*command, arguments->program);
  add_session_options(*command, session, Shown::all);
  command->callback([arguments, &session] { session.exit_code = run_command(*arguments, session); });
}

}  // namespace pastonly::cli
