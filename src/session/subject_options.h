#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "input/trace/trace_file.h"
#include "pastonly/error.h"
#include "pastonly/value.h"

namespace pastonly::session {

/// The words of a command line and of a report; nullopt for others.
std::optional<Mode> mode_of(std::string_view text);
std::optional<Stage> stage_of(std::string_view text);
std::optional<TokenOrder> order_of(std::string_view text);

/// For a report: what was told, an object with only what was told; and back.
Value to_value(const input::TraceOptions& options);
Expected<input::TraceOptions> trace_options_from(const Value& value);

/// `--rule --as --twin --tokens --text --positions --limit --budget --precision --record` as typed: how a
/// checkpoint is run.
struct CheckpointOptions {
  std::string rule;             ///< id,key=value,...; "" = what config.json declares
  std::string family;           ///< model_type to run it as; "" = what config.json declares
  std::string causal_baseline;  ///< checkpoint trained causally on the same; "" = none
  std::string tokens;           ///< FORMAT:FILE; "" = drawn from the source, or uniformly
  std::string text;             ///< read by the checkpoint's tokenizer in place of tokens; "" = none
  std::size_t positions = 0;    ///< of a row; 0 = by the size of the model
  double limit = 0.0;      ///< the detection limit that the plan is made for; 0 = 1%, if it costs no more
  std::size_t budget = 0;  ///< token positions per check beyond the plan; 0 = by the size of the model
  std::string precision = "float32";  ///< or bfloat16
  std::string record;                 ///< directory that keeps the runs; "" = none
};
/// Whether any was given; the name of the first.
std::optional<std::string> given(const CheckpointOptions& options);

/// Adds to a report's options what was told of the run, and reads it back.
void add_to_value(const CheckpointOptions& options, Value& value);
CheckpointOptions checkpoint_options_from(const Value& value);

/// `--tags NAME=FILE`: files with tags of the batch, by the tags' names.
using TagFiles = std::map<std::string, std::string>;
void add_to_value(const TagFiles& tags, Value& value);
TagFiles tag_files_from(const Value& value);

/// Whether the path is a checkpoint, not a plan or a trace: a directory that holds a config.json, or a GGUF
/// file.
bool is_checkpoint(const std::filesystem::path& path);
/// A usage error for one file of a checkpoint's directory (config.json, model*.safetensors): it names the
/// directory.
Expected<void> refuse_part_of_checkpoint(const std::filesystem::path& path);

}  // namespace pastonly::session
