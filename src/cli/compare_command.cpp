#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "cli/checkpoint_options.h"
#include "cli/commands.h"
#include "cli/outputs.h"
#include "cli/trace_options.h"
#include "comparison/fixation.h"
#include "evidence/observations.h"
#include "report/write_agreement.h"
#include "session/checkpoint_subject.h"
#include "subjects/recorded.h"

namespace pastonly::cli {
namespace {

struct CompareArguments {
  std::vector<std::string> paths;
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

/// The models on the same tokens: those that the first recording among them holds, or those that the last
/// one, a checkpoint, is given.
class SameTokens {
 public:
  SameTokens(const CompareArguments& arguments, input::TraceOptions options, std::uint64_t seed)
      : arguments_(arguments), options_(std::move(options)), seed_(seed) {
    options_.shape_of_another = true;
    const auto& paths = arguments_.paths;
    const auto recorded = std::ranges::find_if_not(paths, session::is_checkpoint);
    leader_ = recorded != paths.end() ? static_cast<std::size_t>(recorded - paths.begin()) : paths.size() - 1;
  }

  Expected<Trace> open(std::size_t i) {
    if (!leading_) {
      const std::string& path = arguments_.paths[leader_];
      leading_ = session::is_checkpoint(path) ? base_of_checkpoint(path, arguments_, options_, seed_)
                                              : base_of(path, options_);
    }
    if (!*leading_ || i == leader_) return *leading_;
    const std::string& path = arguments_.paths[i];
    return session::is_checkpoint(path) ? run_on_tokens_of(**leading_, path, arguments_.checkpoint)
                                        : base_of(path, options_);
  }

 private:
  const CompareArguments& arguments_;
  input::TraceOptions options_;
  std::uint64_t seed_;
  std::size_t leader_;
  std::optional<Expected<Trace>> leading_;
};

/// Options for checkpoints that nothing here would follow.
Expected<void> check_options(const CompareArguments& arguments) {
  const auto& paths = arguments.paths;
  const auto checkpoint = std::ranges::find_if(paths, session::is_checkpoint),
             recorded = std::ranges::find_if_not(paths, session::is_checkpoint);
  if (const auto option = given(arguments.checkpoint); option && checkpoint == paths.end())
    return usage_error(fmt::format("{} is for checkpoints; no path holds a config.json", *option));
  if (checkpoint != paths.end() && recorded != paths.end() &&
      !(arguments.checkpoint.tokens.empty() && arguments.checkpoint.positions == 0))
    return usage_error(
        fmt::format("{} is run on the tokens that {} recorded: leave out --tokens and --positions",
                    *checkpoint, *recorded));
  return {};
}

Expected<std::string> compared(const CompareArguments& arguments, const Session& session) {
  constexpr double alpha = 0.05;
  const bool json = arguments.format == "json";
  const report::TextStyle style{wants_color(session.color), 100};
  auto options = parse(arguments.traces);
  if (!options) return tl::unexpected(options.error());
  if (auto fits = check_options(arguments); !fits) return tl::unexpected(fits.error());
  SameTokens models(arguments, *std::move(options), session.seed);
  if (arguments.paths.size() > 2) {
    const auto fixed = comparison::fixation(
        arguments.paths, [&](std::size_t i) { return models.open(i); }, alpha, session.seed);
    if (!fixed) return tl::unexpected(fixed.error());
    return json ? report::write_fixation_json(*fixed) : report::write_fixation_text(*fixed, style);
  }
  const auto first = models.open(0);
  if (!first) return tl::unexpected(first.error());
  const auto second = models.open(1);
  if (!second) return tl::unexpected(second.error());
  const auto agreed = comparison::agreement(*first, *second, alpha, session.seed);
  if (!agreed) return tl::unexpected(agreed.error());
  return json ? report::write_agreement_json(*agreed) : report::write_agreement_text(*agreed, style);
}

int run_command(const CompareArguments& arguments, const Session& session) {
  const auto written = compared(arguments, session);
  if (!written) return complain(written.error());
  const auto printed = print(*written);
  return printed ? 0 : complain(printed.error());
}

}  // namespace

void add_compare(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<CompareArguments>();
  CLI::App* command = app.add_subcommand(
      "compare", "Measure how similarly models, or checkpoints of one training run, route the same tokens");
  command
      ->add_option(
          "models", arguments->paths,
          "Two models, or the checkpoints of a run in order of training: each a trace file, a plan "
          "directory (its base run), or a checkpoint directory. Of more than two, each is held against "
          "the last")
      ->required()
      ->expected(2, 10000);
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
