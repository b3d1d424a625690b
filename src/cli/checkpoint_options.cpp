#include "cli/checkpoint_options.h"

#include <algorithm>

#include "cli/validators.h"

namespace pastonly::cli {

void add_checkpoint_options(CLI::App& command, CheckpointOptions& options, bool audit) {
  constexpr const char* group = "Options for checkpoints";
  command
      .add_option("--rule", options.rule,
                  "Routing rule of the training, for example expert-choice,k=8,chunk=512, if config.json "
                  "declares another")
      ->type_name("RULE")
      ->check(not_empty())
      ->group(group);
  command
      .add_option(
          "--as", options.family,
          "model_type of config.json that the checkpoint's own equals in all but name and configuration; "
          "tensors or keys that it does not know are refused")
      ->type_name("MODEL_TYPE")
      ->check(not_empty())
      ->group(group);
  command
      .add_option(
          "--tokens", options.tokens,
          std::string("Token ids to run the checkpoint on, as format (bytes, nanogpt, llm.c, megatron, npy) "
                      "and file; default: drawn ") +
              (audit ? "from --source, or uniformly over the vocabulary" : "uniformly over the vocabulary"))
      ->type_name("FORMAT:FILE")
      ->check(not_empty())
      ->group(group);
  command
      .add_option(
          "--text", options.text,
          "Text (UTF-8) to run the checkpoint on, read by its own tokenizer.json; no token is put in front")
      ->type_name("FILE")
      ->check(not_empty())
      ->group(group);
  command
      .add_option("--positions", options.positions,
                  "Positions per row (--batch sets the rows); default: chosen by the model's size")
      ->type_name("N")
      ->check(positive_whole())
      ->group(group);
  command
      .add_option(
          "--precision", options.precision,
          "Precision of products with bfloat16 weights: float32, or bfloat16, which rounds their inputs")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->capture_default_str()
      ->group(group);
  if (!audit) return;
  command
      .add_option("--twin", options.causal_baseline,
                  "Checkpoint of a model trained causally on the same data (the causal baseline): a lower "
                  "loss than this baseline counts as leakage")
      ->type_name("DIRECTORY")
      ->check(not_empty())
      ->group(group);
  command
      .add_option("--limit", options.limit,
                  "Detection limit to make the plan for, as a share of trials, for example 0.001, or as bits "
                  "that a routing may tell of its future, 0.01bits; its price is "
                  "said before it starts. Default: 0.01, or what the standard plan reaches at its cost")
      ->type_name("SHARE|BITS")
      ->transform(share_of_trials())
      ->group(group);
  command
      .add_option("--budget", options.budget,
                  "Token positions that one check may run in addition to the plan; default: chosen by the "
                  "model's size")
      ->type_name("N")
      ->check(positive_whole())
      ->group(group);
  command
      .add_option("--record", options.record,
                  "Record the runs in this directory. After an interruption, the same command continues from "
                  "them; when finished, the directory is a plan that audit and compare read")
      ->type_name("DIRECTORY")
      ->check(not_empty())
      ->group(group);
}

}  // namespace pastonly::cli
