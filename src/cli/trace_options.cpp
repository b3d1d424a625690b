#include "cli/trace_options.h"

#include <fmt/format.h>

#include "cli/validators.h"
#include "session/subject_options.h"

namespace pastonly::cli {
void add_trace_options(CLI::App& command, TraceArguments& arguments) {
  constexpr const char* group = "Facts that a recorded file may not state";
  command
      .add_option("--batch", arguments.batch,
                  "Number of sequences in a flattened array, or in a checkpoint's batch")
      ->type_name("N")
      ->check(positive_whole())
      ->group(group);
  command.add_option("--layout", arguments.layout, "Order in which the router received the tokens")
      ->type_name("ORDER")
      ->check(CLI::IsMember({"batch-major", "sequence-major"}))
      ->group(group);
  command
      .add_option("--shape", arguments.shape,
                  "Shape of a raw int32 file: TOKENS,LAYERS,K; of SGLang's flat expert ids: LAYERS,K")
      ->delimiter(',')
      ->type_name("N,N,...")
      ->check(positive_whole())
      ->group(group);
  command.add_option("--mode", arguments.mode, "Routing mode: train or eval")
      ->type_name("MODE")
      ->check(CLI::IsMember({"train", "eval"}))
      ->group(group);
  command
      .add_option("--stage", arguments.stage,
                  "Whether masks are from before or after drops: selected or dispatched")
      ->type_name("STAGE")
      ->check(CLI::IsMember({"selected", "dispatched"}))
      ->group(group);
  command
      .add_option("--compute", arguments.compute,
                  "Type that the model was computed in, whatever type was stored: rounding follows it")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"bfloat16", "float16", "float32", "float64"}))
      ->group(group);
  command.add_option("--top-k", arguments.top_k, "Select the K best experts where only scores were recorded")
      ->type_name("N")
      ->check(positive_whole())
      ->group(group);
  command
      .add_option("--experts", arguments.experts, "Experts per layer, where only expert ids were recorded")
      ->type_name("N")
      ->check(positive_whole())
      ->group(group);
  command
      .add_option("--map", arguments.map,
                  "Which array holds which part; parts: tokens, valid, logprobs, mask, experts, scores, "
                  "logits, gates, bias; in training logs (--log) step and loss")
      ->type_name("KEY=NAME,...")
      ->delimiter(',')
      ->group(group);
}

Expected<input::TraceOptions> parse(const TraceArguments& arguments) {
  input::TraceOptions options;
  if (arguments.batch > 0) options.batch = arguments.batch;
  options.order = session::order_of(arguments.layout);
  options.shape = arguments.shape;
  options.mode = session::mode_of(arguments.mode);
  options.stage = session::stage_of(arguments.stage);
  options.compute = input::compute_type(arguments.compute);
  if (arguments.top_k > 0) options.top_k = arguments.top_k;
  if (arguments.experts > 0) options.experts = arguments.experts;
  auto map = parse_pairs(arguments.map, "--map", "KEY=NAME, for example scores=router_probs");
  if (!map) return tl::unexpected(map.error());
  options.map = *std::move(map);
  return options;
}

Expected<std::map<std::string, std::string>> parse_pairs(const std::vector<std::string>& entries,
                                                         std::string_view option, std::string_view expected) {
  std::map<std::string, std::string> pairs;
  for (const std::string& entry : entries) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == entry.size())
      return usage_error(fmt::format("{} {}: expected {}", option, entry, expected));
    if (!pairs.emplace(entry.substr(0, equals), entry.substr(equals + 1)).second)
      return usage_error(fmt::format("{} {}: {} is given twice", option, entry, entry.substr(0, equals)));
  }
  return pairs;
}

}  // namespace pastonly::cli
