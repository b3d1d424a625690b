#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

#include "checkpoint/checkpoint.h"
#include "cli/checkpoint_options.h"
#include "cli/commands.h"
#include "cli/outputs.h"
#include "cli/trace_options.h"
#include "evidence/observations.h"
#include "report/write_agreement.h"
#include "session/checkpoint_subject.h"
#include "subjects/recorded.h"

namespace pastonly::cli {
namespace {

struct CompareArguments {
  std::string first, second;
  std::string format = "text";
  TraceArguments traces;
  CheckpointOptions checkpoint;
};

Expected<Trace> base_of(const std::string& path, const input::TraceOptions& options) {
  auto subject = subjects::open_recorded(path, options);
  if (!subject) return tl::unexpected(subject.error());
  return evidence::Observations(**subject).base();
}

/// The base run of a checkpoint on tokens of its own choice.
Expected<Trace> base_of_checkpoint(const std::string& path, const CompareArguments& arguments,
                                   const input::TraceOptions& options, std::uint64_t seed) {
  session::AuditRequest request;
  request.subject = path;
  request.options = options;
  request.seed = seed;
  request.checkpoint = arguments.checkpoint;
  Policy policy;
  auto opened = session::open_checkpoint(request, policy);
  if (!opened) return tl::unexpected(opened.error());
  return evidence::Observations(*opened->subject).base();
}

/// A checkpoint on the tokens of another's trace.
Expected<Trace> run_on_tokens_of(const Trace& other, const std::string& path,
                                 const CheckpointOptions& options) {
  if (other.tokens.empty())
    return usage_error(fmt::format("{} records no tokens to run {} on", other.path, path));
  const auto opened = session::open_directory(path, options);
  if (!opened) return tl::unexpected(opened.error());
  checkpoint::InferenceWorkspace workspace;
  auto data = opened->observe({other.layout, other.tokens, other.valid}, {.mode = Mode::eval}, workspace);
  if (!data) return tl::unexpected(data.error());
  Trace trace = make_trace(*std::move(data));
  trace.path = path;
  return trace;
}

/// Both on the same tokens: those that one of them recorded, or those that the first is given.
Expected<std::pair<Trace, Trace>> traces_of(const CompareArguments& arguments, const Session& session) {
  const auto options = parse(arguments.traces);
  if (!options) return tl::unexpected(options.error());
  const bool first_runs = session::is_checkpoint(arguments.first),
             second_runs = session::is_checkpoint(arguments.second);
  if (const auto option = given(arguments.checkpoint); option && !first_runs && !second_runs)
    return usage_error(fmt::format("{} is for checkpoints; neither path holds a config.json", *option));
  if (first_runs != second_runs &&
      !(arguments.checkpoint.tokens.empty() && arguments.checkpoint.positions == 0))
    return usage_error(fmt::format(
        "{} is run on the tokens that {} recorded: leave out --tokens and --positions",
        first_runs ? arguments.first : arguments.second, first_runs ? arguments.second : arguments.first));
  const bool swap = first_runs && !second_runs;
  const std::string& from = swap ? arguments.second : arguments.first;
  const std::string& to = swap ? arguments.first : arguments.second;
  auto leading = session::is_checkpoint(from) ? base_of_checkpoint(from, arguments, *options, session.seed)
                                              : base_of(from, *options);
  if (!leading) return tl::unexpected(leading.error());
  auto following = session::is_checkpoint(to) ? run_on_tokens_of(*leading, to, arguments.checkpoint)
                                              : base_of(to, *options);
  if (!following) return tl::unexpected(following.error());
  if (swap) std::swap(*leading, *following);
  return std::pair{*std::move(leading), *std::move(following)};
}

Expected<comparison::Agreement> compared(const CompareArguments& arguments, const Session& session) {
  const auto traces = traces_of(arguments, session);
  if (!traces) return tl::unexpected(traces.error());
  constexpr double alpha = 0.05;
  return comparison::agreement(traces->first, traces->second, alpha, session.seed);
}

int run_command(const CompareArguments& arguments, const Session& session) {
  const auto agreed = compared(arguments, session);
  if (!agreed) return complain(agreed.error());
  const auto printed = print(arguments.format == "json"
                                 ? report::write_agreement_json(*agreed)
                                 : report::write_agreement_text(*agreed, {wants_color(session.color), 100}));
  return printed ? 0 : complain(printed.error());
}

}  // namespace

void add_compare(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<CompareArguments>();
  CLI::App* command = app.add_subcommand(
      "compare",
      "Measure how similarly two models, or two checkpoints of one training run, route the same tokens");
  command
      ->add_option("first", arguments->first,
                   "Trace file, plan directory (its base run), or checkpoint directory")
      ->required();
  command->add_option("second", arguments->second, "The same for the other model, on the same tokens")
      ->required();
  command->add_option("-o,--output", arguments->format, "text or json; default: text")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "json"}));
  add_checkpoint_options(*command, arguments->checkpoint, false);
  add_trace_options(*command, arguments->traces);
  command->footer(
      "Exit codes: 0 compared, 2 files cannot be read or hold other tokens, layers or experts, 4 wrong "
      "usage.");
  add_session_options(*command, session, Shown::drawn);
  command->callback([arguments, &session] { session.exit_code = run_command(*arguments, session); });
}

}  // namespace pastonly::cli
