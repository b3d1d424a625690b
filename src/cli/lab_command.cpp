#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/check_option.h"
#include "cli/commands.h"
#include "cli/long_run.h"
#include "cli/messages.h"
#include "cli/outputs.h"
#include "cli/validators.h"
#include "input/policy/policy.h"
#include "lab/exported.h"
#include "session/clock.h"
#include "session/lab_session.h"

namespace pastonly::cli {
namespace {

struct LabArguments {
  std::string experiment;
  std::string directory;
  std::string policy;
  bool no_checks = false;
  std::vector<std::string> checks;
  std::string exported;
};

Expected<session::LabRequest> lab_request_of(const LabArguments& arguments) {
  if (auto known = known_checks(arguments.checks); !known) return tl::unexpected(known.error());
  auto policy = input::read_policy(arguments.policy.empty() ? "ci" : arguments.policy, session::utc_today());
  if (!policy) return tl::unexpected(policy.error());
  auto experiment = lab::read_experiment(arguments.experiment);
  if (!experiment) return tl::unexpected(experiment.error());
  const std::string directory =
      arguments.directory.empty() ? "pastonly-lab/" + experiment->name : arguments.directory;
  return session::LabRequest{arguments.experiment, *std::move(experiment), directory,
                             *std::move(policy),   !arguments.no_checks,   arguments.checks};
}

/// Before training rather than after it: where it cannot be made, hours would be lost. "": none is wanted.
Expected<void> make_directory(const std::string& path) {
  std::error_code error;
  if (!path.empty()) std::filesystem::create_directories(path, error);
  if (error) return usage_error(fmt::format("--export {}: cannot be created: {}", path, error.message()));
  return {};
}

/// Saves the arms as checkpoints and says which could not be.
Expected<void> export_trained(const session::LabRequest& request, const std::string& directory, bool quiet) {
  const auto arms = lab::export_arms(request.experiment, request.directory, directory);
  if (!arms) return tl::unexpected(arms.error());
  for (const auto& arm : *arms) {
    if (quiet) break;
    if (arm.obstacle.empty()) {
      tell_line(fmt::format("{} saved as checkpoint {}", arm.arm, arm.directory.string()));
    } else {
      tell_line(fmt::format("{} is not saved as a checkpoint: {}", arm.arm, arm.obstacle));
    }
  }
  return {};
}

int run_lab_command(const LabArguments& arguments, const Session& session) {
  const auto request = lab_request_of(arguments);
  if (!request) return complain(request.error());
  auto outputs = Outputs::open(session.outputs, session.color,
                               {arguments.experiment, arguments.policy, request->experiment.tokens.file});
  if (!outputs) return complain(outputs.error());
  if (auto made = make_directory(arguments.exported); !made) return complain(made.error());
  const auto report = long_run(session, [&](const session::Environment& environment) {
    return session::run_lab(*request, environment);
  });
  if (!report) return complain(report.error());
  if (auto written = outputs->write(*report); !written) return complain(written.error());
  if (!arguments.exported.empty()) {
    if (auto done = export_trained(*request, arguments.exported, session.quiet); !done)
      return complain(done.error());
  }
  if (!outputs->to_stdout() && !session.quiet) {
    tell_line(fmt::format("{}: completed", arguments.experiment));
  }
  return arguments.policy.empty() ? 0 : exit_code(report->verdict);
}

}  // namespace

void add_lab(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<LabArguments>();
  CLI::App* command =
      app.add_subcommand("lab", "Train small models under routing rules and measure how much each leaks");
  command->add_option("experiment", arguments->experiment, "Experiment file (audits/experiments)")
      ->required();
  command->add_option(
      "--out", arguments->directory,
      "Directory for the trained arms; a rerun continues from it; default: pastonly-lab/NAME");
  command->add_option("--policy", arguments->policy,
                      "Judge by this policy and exit like audit; without a policy, exit 0 on completion");
  CLI::Option* const none = command->add_flag("--no-checks", arguments->no_checks,
                                              "Only train and evaluate; do not run the checks on every arm");
  add_check_option(*command, arguments->checks)->excludes(none);
  command
      ->add_option("--export", arguments->exported,
                   "Save every arm's model as a Hugging Face checkpoint in this directory, declared as top-k")
      ->type_name("DIRECTORY")
      ->check(not_empty());
  command->footer(
      "A run may be interrupted or killed at any time: a rerun continues it and loses at most the last "
      "seconds.");
  add_output_option(*command, session);
  add_session_options(*command, session, Shown::work);
  command->callback([arguments, &session] { session.exit_code = run_lab_command(*arguments, session); });
}

}  // namespace pastonly::cli
