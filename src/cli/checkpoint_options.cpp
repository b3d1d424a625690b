#include "cli/checkpoint_options.h"

#include <algorithm>

#include "cli/validators.h"

namespace pastonly::cli {

void add_checkpoint_options(CLI::App& command, CheckpointOptions& options, bool audit) {
  constexpr const char* group = "How a checkpoint is run";
  command
      .add_option("--rule", options.rule,
                  "Rule that it was trained under, in place of the declared one: expert-choice,k=8,chunk=512")
      ->type_name("RULE")
      ->check(not_empty())
      ->group(group);
  command
      .add_option(
          "--tokens", options.tokens,
          std::string("Token ids to run it on: bytes, nanogpt, llm.c, megatron or npy, and the file; "
                      "default: drawn ") +
              (audit ? "from --source, or uniformly over the vocabulary" : "uniformly over the vocabulary"))
      ->type_name("FORMAT:FILE")
      ->check(not_empty())
      ->group(group);
  command
      .add_option("--positions", options.positions,
                  "Positions of a row; with --batch, its rows. Default: by the model's size")
      ->type_name("N")
      ->check(positive_whole())
      ->group(group);
  command
      .add_option("--precision", options.precision,
                  "Of products with bfloat16 weights: float32, or bfloat16, which rounds what enters them")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->capture_default_str()
      ->group(group);
  if (!audit) return;
  command
      .add_option("--twin", options.causal_baseline,
                  "Checkpoint of a model trained causally on the same: what is lost less than by it is leak")
      ->type_name("DIRECTORY")
      ->check(not_empty())
      ->group(group);
  command.add_option("--text", options.text, "Not possible: tokenise first, then --tokens")
      ->type_name("FILE")
      ->check(not_empty())
      ->group(group);
  command
      .add_option("--budget", options.budget,
                  "Token positions that one check may run beyond the plan; default: by the model's size")
      ->type_name("N")
      ->check(positive_whole())
      ->group(group);
  command
      .add_option("--record", options.record,
                  "Keep what runs show: the same command goes on where it was interrupted; finished, the "
                  "directory is a plan, which audit and compare read")
      ->type_name("DIRECTORY")
      ->check(not_empty())
      ->group(group);
}

}  // namespace pastonly::cli
