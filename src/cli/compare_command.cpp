#include <memory>

#include "cli/commands.h"
#include "cli/outputs.h"
#include "cli/trace_options.h"
#include "report/agreement.h"
#include "subject/evidence.h"
#include "subject/recorded.h"

namespace pastonly::cli {
namespace {

struct CompareArguments {
  std::string first, second;
  std::string format = "text";
  TraceArguments traces;
};

Expected<Trace> base_of(const std::string& path, const input::TraceOptions& options) {
  auto subject = open_recorded(path, options);
  if (!subject) return tl::unexpected(subject.error());
  return Evidence(**subject).base();
}

Expected<Agreement> compared(const CompareArguments& arguments, const Session& session) {
  const auto options = parse(arguments.traces);
  if (!options) return tl::unexpected(options.error());
  const auto first = base_of(arguments.first, *options);
  if (!first) return tl::unexpected(first.error());
  const auto second = base_of(arguments.second, *options);
  if (!second) return tl::unexpected(second.error());
  constexpr double alpha = 0.05;
  return agreement(*first, *second, alpha, session.seed);
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
      "compare", "How far two models, or two checkpoints of a run, route the same tokens alike");
  command->add_option("first", arguments->first, "Trace file or plan directory; of a plan, its base run")
      ->required();
  command->add_option("second", arguments->second, "The same of the other model, on the same tokens")
      ->required();
  command->add_option("-o,--output", arguments->format, "text or json; default: text")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "json"}));
  add_trace_options(*command, arguments->traces);
  command->footer(
      "Exit codes: 0 compared, 2 files cannot be read or hold other tokens, layers or experts, 4 wrong "
      "usage.");
  add_session_options(*command, session, Shown::color);
  command->callback([arguments, &session] { session.exit_code = run_command(*arguments, session); });
}

}  // namespace pastonly::cli
