#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "cli/commands.h"
#include "cli/outputs.h"
#include "lint/option.h"
#include "pastonly/check.h"
#include "pastonly/names.h"
#include "pastonly/routing_rule.h"
#include "report/catalogue_json.h"
#include "report/paragraph.h"
#include "stats/nearest_names.h"

namespace pastonly::cli {
namespace {

constexpr std::size_t label_width = 12;
constexpr std::size_t page_width = 100;

std::string labelled(std::string_view label, std::string_view text) {
  if (text.empty()) return "";
  return report::padded(label, label_width) + report::wrapped(text, label_width, page_width) + "\n";
}

std::string dependence_in_words(const Dependence& dependence) {
  std::string out;
  const auto add = [&](bool depends, std::string_view what) {
    if (depends) out += (out.empty() ? "" : ", ") + std::string(what);
  };
  add(dependence.future, "later tokens of the same sequence");
  add(dependence.batch, "other sequences of the batch");
  add(dependence.order, "the order of the sequences");
  add(dependence.length, "the length of the input");
  add(dependence.random, "random draws");
  return out.empty() ? "only the token itself and earlier tokens of its sequence" : out;
}

std::string explained(const RuleInfo& rule) {
  return fmt::format("{} - {} (routing rule)\n\n", rule.id, rule.title) + labelled("what", rule.semantics) +
         labelled("used in", rule.used_in) + labelled("depends on", dependence_in_words(rule.usual)) +
         labelled("why", rule.why) + labelled("instead", rule.instead) + labelled("ties", rule.ties) +
         labelled("parameters", rule.keys);
}

std::string needs_in_words(const Needs& needs) {
  std::string out;
  const auto add = [&](bool needed, std::string_view what) {
    if (needed) out += (out.empty() ? "" : ", ") + std::string(what);
  };
  add(needs.tokens, "token ids");
  add(needs.scores, "scores or logits");
  add(needs.gates, "gates");
  add(needs.log_probs, "log-probabilities");
  add(needs.source, "the tokens' source");
  add(needs.weights, "the weights of routers and experts");
  return out.empty() ? "masks only" : out;
}

std::string explained(const Check& check) {
  return fmt::format("{} - {} (check)\n\n", check.id, check.title) + labelled("what", check.help) +
         labelled("needs", needs_in_words(check.needs));
}

std::string condition_in_words(const lint::Condition& condition) {
  std::string out = fmt::format("{} {}", condition.key, report::in_words(condition.test));
  if (!condition.value.empty()) out += fmt::format(" {}", condition.value);
  if (condition.otherwise.size() > 1 || (!condition.otherwise.empty() && condition.otherwise != "@")) {
    const bool silent = condition.otherwise.front() == '@';
    out += fmt::format(" (default {})", condition.otherwise.substr(silent ? 1 : 0));
  }
  return out;
}

/// A row of the table of options that `lint` knows.
std::string explained(const lint::Option& option) {
  std::string when;
  for (const lint::Condition& condition : option.when) {
    if (condition.key.empty()) continue;
    when += (when.empty() ? "" : "; ") + condition_in_words(condition);
  }
  const RuleInfo* rule = find_rule(option.rule);
  const lint::FrameworkInfo& whose = lint::info(option.framework);
  return fmt::format("{} - {} (option, {})\n\n", option.key, whose.title, option.id) +
         labelled("when", when) +
         labelled("rule", rule != nullptr ? fmt::format("{} - {}", rule->id, rule->title) : "none") +
         labelled("in", lint::in_words(option.modes)) + labelled("causal", lint::causal_in_words(option)) +
         labelled("what", option.what) + labelled("set", option.instead) +
         labelled("source", fmt::format("{} ({}, {})", option.source, whose.source, whose.version));
}

/// The nearest names; where none is near, all checks and the way to the rules.
std::string suggestion(const std::string& id, const std::vector<std::string>& all) {
  if (auto near = stats::did_you_mean(id, all); !near.empty()) return near;
  std::string checks;
  for (const Check& check : all_checks()) checks += (checks.empty() ? "" : ", ") + std::string(check.id);
  return "; `pastonly rules` lists the rules, the checks are " + checks;
}

/// Of a rule or finding as reports write it: "expert-choice,k=2,chunk=8", "causal-mask/flip".
std::string id_in(const std::string& text) { return text.substr(0, text.find_first_of(",/ ")); }

/// Of what stands after the id: "" or what is wrong with it.
std::string misread(const std::string& text, const std::string& id) {
  const char after = text.size() > id.size() ? text[id.size()] : ' ';
  if (after == ',' && find_rule(id) == nullptr) return id + " is a check, and takes no parameters";
  if (after == '/' && find_check(id) == nullptr) return id + " is a rule, and has no findings";
  const std::string finding = after == '/' ? text.substr(id.size() + 1) : "";
  if (after == '/' && std::ranges::find(claim::all, finding) == std::ranges::end(claim::all))
    return fmt::format("no finding is called '{}'; there are {}", finding, fmt::join(claim::all, ", "));
  if (after != ',') return "";
  const auto spec = parse_rule(text);
  const auto good = spec ? check_rule(*spec) : tl::unexpected(spec.error());
  return good ? "" : good.error().message;
}

/// "configuration/ID", as reports name a finding of `lint`.
std::string without_lint(const std::string& text) {
  constexpr std::string_view prefix = "configuration/";
  return text.rfind(prefix, 0) == 0 ? text.substr(prefix.size()) : text;
}

/// A name may be a rule's and a check's; of options only those that are neither.
Expected<report::Explained> find(const std::string& text) {
  const std::string id = id_in(text);
  report::Explained found{find_rule(id), find_check(id), {}};
  if (found.rule == nullptr && found.check == nullptr) {
    found.options = lint::options_of(text);
    if (!found.options.empty()) return found;
    std::vector<std::string> all;
    for (const RuleInfo& rule : routing_rules()) all.emplace_back(rule.id);
    for (const Check& check : all_checks()) all.emplace_back(check.id);
    for (const lint::Option& option : lint::options()) {
      for (const lint::Condition& condition : option.when) {
        if (!condition.key.empty()) all.emplace_back(condition.key);
      }
    }
    std::ranges::sort(all);
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return usage_error(fmt::format("no rule, check or option is called {}{}", text, suggestion(id, all)));
  }
  if (const std::string why = misread(text, id); !why.empty()) return usage_error(why);
  return found;
}

std::string page_of(const report::Explained& found) {
  std::string page;
  const auto add = [&](const std::string& part) { page += (page.empty() ? "" : "\n") + part; };
  if (found.rule != nullptr) add(explained(*found.rule));
  if (found.check != nullptr) add(explained(*found.check));
  for (const lint::Option* option : found.options) add(explained(*option));
  return page;
}

int run_command(const std::string& asked, const std::string& format) {
  const auto found = find(without_lint(asked));
  if (!found) return complain(found.error());
  const auto printed =
      print(format == "json" ? report::write_explained_json(asked, *found) : page_of(*found));
  return printed ? 0 : complain(printed.error());
}

}  // namespace

void add_explain(CLI::App& app, Session& session) {
  auto id = std::make_shared<std::string>(), format = std::make_shared<std::string>("text");
  CLI::App* command =
      app.add_subcommand("explain", "Explain a routing rule, a check, or an option of a framework");
  command
      ->add_option(
          "id", *id,
          "A rule id from `pastonly rules`, alone or with parameters, a check id from a report, or an "
          "option that `pastonly lint` knows")
      ->required();
  add_format_option(*command, *format);
  command->footer("Exit codes: 0 printed, 2 stdout cannot be written, 4 wrong usage.");
  add_session_options(*command, session, Shown::none);
  command->callback([id, format, &session] { session.exit_code = run_command(*id, *format); });
}

}  // namespace pastonly::cli
