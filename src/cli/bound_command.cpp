#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "cli/commands.h"
#include "cli/outputs.h"
#include "kernels/elementary.h"
#include "report/json.h"
#include "report/text.h"
#include "routing/rule_ids.h"
#include "stats/bound.h"

namespace pastonly::cli {
namespace {

struct BoundArguments {
  std::uint64_t experts = 0;
  double top_k = 0.0;
  std::uint64_t layers = 1;
  std::uint64_t vocab = 0;
  std::uint64_t chunk = 0;
};

std::optional<double> finite(double value) {
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

Report::Layer layer_of(const BoundArguments& arguments, std::uint32_t index) {
  const auto experts = static_cast<double>(arguments.experts);
  LayerFacts::Bound bound;
  bound.floor_bits = finite(stats::expert_choice_floor(experts, arguments.top_k));
  bound.limit_bits = finite(stats::expert_choice_limit(experts, arguments.top_k));
  if (arguments.chunk > 0) {
    bound.chunk = arguments.chunk;
    bound.capacity_bits = stats::expert_choice_capacity(arguments.experts, arguments.top_k, arguments.chunk);
  }
  bound.vacuous = 2.0 * arguments.top_k >= experts;
  bound.applies_to = routing::ids::expert_choice;
  Report::Layer layer;
  layer.index = index;
  layer.experts = arguments.experts;
  layer.top_k = arguments.top_k;
  layer.sparsity = arguments.top_k / experts;
  layer.facts.index = LayerIndex{index};
  layer.facts.bound = std::move(bound);
  return layer;
}

Report::Totals totals_of(const BoundArguments& arguments, const LayerFacts::Bound& bound) {
  const auto layers = static_cast<double>(arguments.layers);
  const auto total = [&](const std::optional<double>& bits) {
    return bits ? std::optional(layers * *bits) : std::nullopt;
  };
  Report::Totals totals{total(bound.floor_bits), total(bound.capacity_bits), total(bound.limit_bits), {}, {}};
  if (arguments.vocab >= 2 && totals.floor_bits) {
    const double successors = *totals.floor_bits / kernels::log2(static_cast<double>(arguments.vocab));
    totals.successors_identifiable = static_cast<std::uint64_t>(std::max(0.0, std::floor(successors)));
  }
  return totals;
}

int run_command(const BoundArguments& arguments, const std::string& format) {
  if (arguments.top_k > static_cast<double>(arguments.experts)) {
    return complain({Error::Kind::usage,
                     fmt::format("--top-k {:g} exceeds --experts {}", arguments.top_k, arguments.experts)});
  }
  std::vector<Report::Layer> layers;
  for (std::uint32_t l = 0; l < arguments.layers; ++l) layers.push_back(layer_of(arguments, l));
  const auto totals = totals_of(arguments, *layers.front().facts.bound);
  const auto vocab = arguments.vocab > 0 ? std::optional(arguments.vocab) : std::nullopt;
  const auto printed = print(format == "json" ? report::write_bound_json(layers, totals)
                                              : report::write_bound_text(layers, totals, vocab));
  return printed ? 0 : complain(printed.error());
}

}  // namespace

void add_bound(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<BoundArguments>();
  auto format = std::make_shared<std::string>("text");
  CLI::App* command =
      app.add_subcommand("bound", "Bits that routing of these shapes can carry under expert choice");
  command->add_option("--experts", arguments->experts, "Experts per layer, N")
      ->required()
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{65'536}).description(""));
  command->add_option("--top-k", arguments->top_k, "Experts per token on average, K")
      ->required()
      ->type_name("K")
      ->check(CLI::PositiveNumber.description(""));
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
  command->add_option("-o,--output", *format, "text or json; default: text")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "json"}));
  command->footer("Exit codes: 0 printed, 2 stdout cannot be written, 4 wrong usage.");
  add_session_options(*command, session, Shown::none);
  command->callback([arguments, format, &session] { session.exit_code = run_command(*arguments, *format); });
}

}  // namespace pastonly::cli
