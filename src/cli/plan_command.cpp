#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "cli/validators.h"
#include "input/policy/source_text.h"
#include "session/plan_files.h"
#include "session/subject_options.h"

namespace pastonly::cli {
namespace {

struct PlanArguments {
  session::PlanRequest request;
  std::string order = "batch-major", source;
};

int run_command(const PlanArguments& arguments, const Session& session) {
  session::PlanRequest request = arguments.request;
  request.seed = session.seed;
  request.layout.order = session::order_of(arguments.order).value_or(TokenOrder::batch_major);
  if (!arguments.source.empty()) {
    const auto source = input::parse_source(arguments.source);
    if (!source) return complain(source.error());
    request.source = *source;
  }
  const auto made = [&] {
    Progress progress(session.quiet);
    return session::write_plan_files(request, progress.watch());
  }();
  if (!made) return complain(made.error());
  const auto printed =
      print(fmt::format("{}: {} runs of {} x {} tokens, {} token positions, {} draws of later tokens.\n"
                        "Run each NNNN.in.safetensors through the model and write NNNN.out.safetensors "
                        "beside it, on any number of\n"
                        "machines, for example: python -m pastonly.worker {} --model my_module:build\n"
                        "Then: pastonly audit {}\n",
                        request.directory, made->runs, request.layout.sequences, request.layout.positions,
                        made->tokens, made->trials, request.directory, request.directory));
  return printed ? 0 : complain(printed.error());
}

}  // namespace

void add_plan(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<PlanArguments>();
  session::PlanRequest& request = arguments->request;
  CLI::App* command = app.add_subcommand("plan", "Write a plan directory for others to run and record");
  command->add_option("directory", request.directory, "Directory to write, new or empty")
      ->required()
      ->check(not_empty());
  command->add_option("--vocab", request.vocab, "Size of the vocabulary")
      ->required()
      ->type_name("N")
      ->check(positive_whole())
      ->check(CLI::Range(std::uint64_t{2}, std::uint64_t{1} << 31));
  command->add_option("--batch", request.layout.sequences, "Sequences of a batch")
      ->type_name("N")
      ->check(positive_whole())
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  command->add_option("--positions", request.layout.positions, "Positions of a sequence")
      ->type_name("N")
      ->check(positive_whole())
      ->check(CLI::Range(2, 1 << 24))
      ->capture_default_str();
  command
      ->add_option("--layout", arguments->order,
                   "Order in which the router receives the tokens: cuts are chosen by it")
      ->type_name("ORDER")
      ->check(CLI::IsMember({"batch-major", "sequence-major"}))
      ->capture_default_str();
  command->add_option("--special", request.special, "Token ids of beginning, end, padding and the like")
      ->type_name("ID,...")
      ->delimiter(',');
  command
      ->add_option("--tokens", request.tokens,
                   "Token ids to draw rows from, as format (bytes, nanogpt, llm.c, megatron, npy) and file; "
                   "default: drawn from --source, or uniformly over the vocabulary")
      ->type_name("FORMAT:FILE")
      ->check(not_empty());
  command
      ->add_option("--source", arguments->source, "Source to draw tokens from: uniform:VOCAB or markov:...")
      ->type_name("SOURCE")
      ->check(not_empty());
  command
      ->add_option("--limit", request.limit,
                   "Detection limit to make the plan for, as a share of trials, for example 0.001, or as "
                   "bits that a routing may tell of its future, 0.01bits. Default: 0.01, or "
                   "what the standard plan reaches at its cost")
      ->type_name("SHARE|BITS")
      ->transform(share_of_trials());
  command->add_flag("--noisy", request.noisy,
                    "The engine's runs differ by themselves: 16 repeats instead of 4");
  add_session_options(*command, session, Shown::drawn);
  command->callback([arguments, &session] { session.exit_code = run_command(*arguments, session); });
}

}  // namespace pastonly::cli
