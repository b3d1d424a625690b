#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "input/text/parse_json.h"
#include "pastonly/error.h"

namespace pastonly::input {

enum class LossUnit { nats, bits };

/// What was told of a log.
struct LogOptions {
  LossUnit unit = LossUnit::nats;
  /// As `--map` and reports call what follows.
  static constexpr const char* step_part = "step";
  static constexpr const char* loss_part = "loss";
  std::string step, loss;  ///< names of the columns; "" = a usual one
  LogOptions() = default;
  LogOptions(LossUnit told) : unit(told) {}  // NOLINT(google-explicit-constructor)
};

/// The loss of a training run against its steps.
struct TrainingLog {
  std::string path;
  std::string step_key, loss_key;  ///< as the file names them
  std::vector<double> steps;       ///< ascending, not negative
  std::vector<double> losses;      ///< bits per token
};

/// Reads, by what the file holds:
/// - JSONL: an object a line; other keys are ignored, and so are lines without a loss (evaluations).
/// - Hugging Face trainer_state.json: an object with `log_history`, a list of such objects.
/// - CSV or TSV: a line of names, then numbers; fields may be quoted. Lines with an empty loss are ignored. A
///   column may carry the name of its run before it ("run1 - train/loss"), as exports of wandb's pages do.
/// - lines that a training prints (training_log_points.h),
/// - TensorBoard event files.
/// Where steps go back (a run that was resumed), what stood at the later steps is replaced.
/// Input errors name the line or entry: no known key for step or loss or two columns of that name, values
/// that are no finite numbers, losses below 0, more than 2^28 bytes, no loss at all. Takes time linear in the
/// file; interrupted once `stop` says yes.
Expected<TrainingLog> read_training_log(const std::filesystem::path& path, const LogOptions& options,
                                        const Stop& stop = go_on);
Expected<TrainingLog> parse_training_log(std::string_view text, std::string_view name,
                                         const LogOptions& options, const Stop& stop = go_on);

}  // namespace pastonly::input
