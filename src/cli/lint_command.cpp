#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "cli/messages.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "session/lint_session.h"
#include "stats/nearest_names.h"

namespace pastonly::cli {
namespace {

struct LintArguments {
  std::vector<std::string> paths;
  std::string framework;
};

std::vector<std::string> framework_names() {
  std::vector<std::string> names;
  for (const auto& one : lint::frameworks()) names.emplace_back(one.name);
  return names;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

Expected<lint::Request> request_of(const LintArguments& arguments) {
  lint::Request request{arguments.paths, std::nullopt};
  if (arguments.framework.empty()) return request;
  const auto* found = lint::find_framework(arguments.framework);
  if (found == nullptr) {
    const auto names = framework_names();
    return usage_error(fmt::format("--framework {}: not known{}; there are {}", arguments.framework,
                                   stats::did_you_mean(arguments.framework, names), joined(names)));
  }
  request.framework = found->id;
  return request;
}

int run_command(const LintArguments& arguments, const Session& session) {
  const auto request = request_of(arguments);
  if (!request) return complain(request.error());
  auto outputs = Outputs::open(session.outputs, session.color, arguments.paths);
  if (!outputs) return complain(outputs.error());
  session::Environment environment;
  environment.arguments = session.arguments;
  environment.threads = session.threads;
  const Report report = [&] {
    Progress progress(session.quiet);
    environment.watch = progress.watch();
    return session::run_lint(*request, environment);
  }();
  if (auto written = outputs->write(report); !written) return complain(written.error());
  if (!outputs->to_stdout() && !session.quiet)
    tell_line(fmt::format("{}: {}", report.subject.name, name(report.verdict)));
  return exit_code(report.verdict);
}

}  // namespace

void add_lint(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<LintArguments>();
  CLI::App* command = app.add_subcommand(
      "lint", "Find options in configurations, scripts and logs that select routing that is not causal");
  command
      ->add_option("files", arguments->paths,
                   "Files, and directories to search: YAML, JSON, TOML, shell scripts, Python, gin, logs "
                   "with arguments")
      ->required();
  command
      ->add_option("--framework", arguments->framework,
                   "Whose options they are, where keys do not tell: " + joined(framework_names()))
      ->type_name("NAME");
  command->footer(
      "Exit codes: 0 nothing that is not causal, 1 an option that is not causal, 2 a file that was named "
      "cannot be\n"
      "read, 4 wrong usage. A file without options of a known framework is named and changes nothing.");
  add_output_option(*command, session);
  add_session_options(*command, session, Shown::color);
  command->callback([arguments, &session] { session.exit_code = run_command(*arguments, session); });
}

}  // namespace pastonly::cli
