#include "cli/checkpoint_options.h"

#include <algorithm>

#include "cli/validators.h"

namespace pastonly::cli {
namespace {

std::size_t count_at(const Value& value, std::string_view key) {
  return static_cast<std::size_t>(std::max(value.integer(key).value_or(0), std::int64_t{0}));
}

}  // namespace

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
      .add_option("--twin", options.twin,
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

std::optional<std::string> given(const CheckpointOptions& options) {
  if (!options.rule.empty()) return "--rule";
  if (!options.twin.empty()) return "--twin";
  if (!options.tokens.empty()) return "--tokens";
  if (!options.text.empty()) return "--text";
  if (options.positions > 0) return "--positions";
  if (options.budget > 0) return "--budget";
  if (options.precision != "float32") return "--precision";
  if (!options.record.empty()) return "--record";
  return std::nullopt;
}

void add_to_value(const CheckpointOptions& options, Value& value) {
  if (!options.rule.empty()) value.set("rule", options.rule);
  if (!options.twin.empty()) value.set("twin", options.twin);
  if (!options.tokens.empty()) value.set("tokens", options.tokens);
  if (options.positions > 0) value.set("positions", options.positions);
  if (options.budget > 0) value.set("budget", options.budget);
  if (options.precision == "bfloat16") value.set("precision", options.precision);
}

CheckpointOptions checkpoint_options_from(const Value& value) {
  CheckpointOptions options;
  options.rule = value.text_or("rule", "");
  options.twin = value.text_or("twin", "");
  options.tokens = value.text_or("tokens", "");
  options.positions = count_at(value, "positions");
  options.budget = count_at(value, "budget");
  if (value.text_or("precision", "") == "bfloat16") options.precision = "bfloat16";
  return options;
}

bool is_checkpoint(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error) && std::filesystem::exists(path / "config.json", error);
}

}  // namespace pastonly::cli
