#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "cli/outputs.h"
#include "pastonly/routing_rule.h"
#include "report/catalogue_json.h"

namespace pastonly::cli {
namespace {

std::string_view mark(bool depends) { return depends ? "yes" : "-"; }

std::string rules_table() {
  std::size_t widest = 0;
  for (const RuleInfo& rule : routing_rules()) widest = std::max(widest, rule.id.size());
  std::string out = fmt::format("{:<{}}  {:<7}{:<7}{:<7}{:<7}{:<7} {}\n", "rule", widest, "future", "batch",
                                "order", "length", "random", "what it is");
  for (const RuleInfo& rule : routing_rules()) {
    const Dependence& d = rule.usual;
    out += fmt::format("{:<{}}  {:<7}{:<7}{:<7}{:<7}{:<7} {}\n", rule.id, widest, mark(d.future),
                       mark(d.batch), mark(d.order), mark(d.length), mark(d.random), rule.title);
  }
  return out +
         "\nThe columns show what a token's routing can depend on, for usual parameters and a flattened "
         "batch of several "
         "sequences.\n"
         "A rule that depends on the future is not causal. More: pastonly explain RULE\n";
}

}  // namespace

void add_rules(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("rules", "List the routing rules and what each depends on");
  auto format = std::make_shared<std::string>("text");
  add_format_option(*command, *format);
  command->footer("Exit codes: 0 printed, 2 stdout cannot be written, 4 wrong usage.");
  add_session_options(*command, session, Shown::none);
  command->callback([format, &session] {
    const auto printed = print(*format == "json" ? report::write_rules_json() : rules_table());
    session.exit_code = printed ? 0 : complain(printed.error());
  });
}

}  // namespace pastonly::cli
