#include <fmt/format.h>

#include <memory>
#include <span>

#include "cli/commands.h"
#include "cli/outputs.h"
#include "cli/validators.h"
#include "report/json.h"
#include "report/text.h"
#include "routing/rule_ids.h"
#include "stats/layer_bound.h"

namespace pastonly::cli {
namespace {

struct BoundArguments {
  std::uint64_t experts = 0;
  double top_k = 0.0;
  std::uint64_t layers = 1;
  std::uint64_t vocab = 0;
  std::uint64_t chunk = 0;
};

Report::Layer layer_of(const BoundArguments& arguments, std::uint32_t index) {
  Report::Layer layer;
  layer.index = index;
  layer.experts = arguments.experts;
  layer.top_k = arguments.top_k;
  layer.sparsity = arguments.top_k / static_cast<double>(arguments.experts);
  layer.facts.index = LayerIndex{index};
  layer.facts.bound = stats::expert_choice_bound(arguments.experts, arguments.top_k, arguments.chunk);
  layer.facts.bound->applies_to = routing::ids::expert_choice;
  return layer;
}

/// As many layers at once: a product has one rounding.
LayerFacts::Bound times(LayerFacts::Bound bound, std::uint64_t layers) {
  for (auto* bits : {&bound.floor_bits, &bound.capacity_bits, &bound.limit_bits}) {
    if (*bits) *bits = static_cast<double>(layers) * **bits;
  }
  return bound;
}

int run_command(const BoundArguments& arguments, const std::string& format) {
  if (arguments.top_k > static_cast<double>(arguments.experts)) {
    return complain({Error::Kind::usage,
                     fmt::format("--top-k {:g} exceeds --experts {}", arguments.top_k, arguments.experts)});
  }
  std::vector<Report::Layer> layers;
  for (std::uint32_t l = 0; l < arguments.layers; ++l) layers.push_back(layer_of(arguments, l));
  const auto vocab = arguments.vocab > 0 ? std::optional(arguments.vocab) : std::nullopt;
  const LayerFacts::Bound all = times(*layers.front().facts.bound, arguments.layers);
  const auto totals = stats::bound_totals(std::span(&all, 1), vocab);
  const auto printed = print(format == "json" ? report::write_bound_json(layers, totals)
                                              : report::write_bound_text(layers, totals, vocab));
  return printed ? 0 : complain(printed.error());
}

}  // namespace

void add_bound(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<BoundArguments>();
  auto format = std::make_shared<std::string>("text");
  CLI::App* command = app.add_subcommand(
      "bound", "Bits that routing of these shapes could carry at most under expert choice");
  command->add_option("--experts", arguments->experts, "Experts per layer, N")
      ->required()
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{65'536}).description(""));
  command->add_option("--top-k", arguments->top_k, "Experts per token on average, K")
      ->required()
      ->type_name("K")
      ->check(CLI::PositiveNumber.description(""))
      ->check(finite());
  command->add_option("--layers", arguments->layers, "Mixture-of-Experts layers, L")
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{100'000}).description(""))
      ->capture_default_str();
  command->add_option("--vocab", arguments->vocab, "Vocabulary size, V")
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{2}, std::uint64_t{1} << 40U).description(""));
  command->add_option("--chunk", arguments->chunk, "Tokens routed together, T")
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40U).description(""));
  add_format_option(*command, *format);
  command->footer("Exit codes: 0 printed, 2 stdout cannot be written, 4 wrong usage.");
  add_session_options(*command, session, Shown::none);
  command->callback([arguments, format, &session] { session.exit_code = run_command(*arguments, *format); });
}

}  // namespace pastonly::cli
