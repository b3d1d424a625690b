#include "cli/cli.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <sstream>

#include "cli/commands.h"
#include "cli/messages.h"
#include "cli/outputs.h"
#include "cli/wrapped_help.h"
#include "kernels/target.h"
#include "pastonly/version.h"
#include "report/writer.h"

namespace pastonly::cli {
namespace {

constexpr int wrong_usage = 4;
constexpr std::size_t longest_complaint = 4000;  // characters; what is wrong with a file may quote it

constexpr const char* footer =
    "Exit codes: 0 pass, 1 the policy failed, 2 the audit could not be completed, 3 inconclusive,\n"
    "4 wrong usage or configuration, 130 interrupted.";

std::string offered() {
  std::string out;
  for (const kernels::Target target : kernels::offered_targets())
    out += fmt::format("{}{}", out.empty() ? "" : ", ", kernels::name(target));
  return out;
}

std::string about() {
  return fmt::format("pastonly {} ({})\nkernels: {} (available: {})", version(), commit(),
                     kernels::instructions(), offered());
}

/// The variable would be passed over in silence where it names nothing.
Expected<void> check_target() {
  // Nothing here writes to the environment. NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* const wanted = std::getenv("PASTONLY_TARGET");
  if (wanted == nullptr || *wanted == '\0' || kernels::target_named(wanted) == kernels::target()) return {};
  return usage_error(fmt::format("PASTONLY_TARGET={}: expected one that this processor supports: {}",
                                 std::string_view(wanted).substr(0, 40), offered()));
}

int usage_failure(const CLI::ParseError& error, const CLI::App& app) {
  // CLI11 reports --help and --version as errors with exit code 0.
  if (error.get_exit_code() == 0) {
    std::ostringstream asked;
    app.exit(error, asked, asked);
    const auto printed = print(asked.str());
    return printed ? 0 : complain(printed.error());
  }
  std::string message = error.what();
  std::ranges::replace(message, '\n', ' ');
  tell_line(fmt::format("{} (see pastonly --help)", message));
  return wrong_usage;
}

}  // namespace

int complain(const Error& error) {
  const std::string& said = error.message;
  const bool whole = said.size() <= longest_complaint;
  if (!said.empty()) tell_line(said.substr(0, longest_complaint) + (whole ? "" : "..."));
  switch (error.kind) {
    case Error::Kind::usage:
      return wrong_usage;
    case Error::Kind::interrupted:
      return 130;
    case Error::Kind::input:
    case Error::Kind::not_recorded:
      break;
  }
  return 2;
}

void add_format_option(CLI::App& command, std::string& format) {
  command.add_option("-o,--output", format, "text or json; default: text")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "json"}));
}

void add_session_options(CLI::App& command, Session& session, Shown shown) {
  const CLI::Validator digits(
      [](const std::string& text) {
        return text.find_first_not_of("0123456789") == std::string::npos ? "" : "not a whole number: " + text;
      },
      "", "digits");
  // Every command accepts every one; help shows those that change something.
  const auto group = [](bool useful) { return useful ? "Session" : ""; };
  command.add_option("--seed", session.seed, "Random seed; the same seed gives the same report")
      ->type_name("N")
      ->check(digits)
      ->group(group(shown == Shown::all || shown == Shown::drawn));
  command.add_option("--threads", session.threads, "Threads to use; 0 = all")
      ->type_name("N")
      ->check(CLI::Range(0U, 4096U).description(""))
      ->group(group(shown == Shown::all || shown == Shown::work));
  command.add_flag("--quiet,-q", session.quiet, "No progress on stderr")->group(group(shown != Shown::none));
  command.add_option("--color", session.color, "Color in text on stdout; auto honours NO_COLOR")
      ->type_name("WHEN")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->group(group(shown != Shown::work && shown != Shown::none));
}

void add_output_option(CLI::App& command, Session& session) {
  command
      .add_option("-o,--output", session.outputs,
                  fmt::format("FORMAT or FORMAT=PATH, format {}; repeatable; default: {} on stdout",
                              report::format_names(" or "), report::writers().front().format))
      ->type_name("FORMAT[=PATH]")
      ->allow_extra_args(false);
}

void add_redact_option(CLI::App& command, Session& session) {
  command.add_flag("--redact", session.redact,
                   "Write reports without token-level scores, experts, text and paths; `verify` holds them "
                   "against the original files");
}

int run(int argc, char** argv) {
  CLI::App app{
      "Finds future-token leakage in Mixture-of-Experts routing: proves it, measures it in bits, names the "
      "rule.",
      "pastonly"};
  app.formatter(std::make_shared<WrappedHelp>());
  if (const auto known = check_target(); !known) return complain(known.error());
  Session session;
  for (int i = 1; i < argc; ++i) session.arguments.emplace_back(argv[i]);
  app.set_version_flag("--version", about());
  app.require_subcommand(1);
  app.footer(footer);
  add_audit(app, session);
  add_lab(app, session);
  add_bound(app, session);
  add_rules(app, session);
  add_explain(app, session);
  add_report(app, session);
  add_plan(app, session);
  add_verify(app, session);
  add_compare(app, session);
  add_lint(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return usage_failure(error, app);
  }
  return session.exit_code;
}

}  // namespace pastonly::cli
