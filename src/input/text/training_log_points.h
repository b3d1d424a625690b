#pragma once

#include <array>
#include <string>
#include <string_view>

#include "input/text/training_log.h"

namespace pastonly::input {

/// What files call their steps and their losses, in order of preference.
inline constexpr std::array<std::string_view, 10> names_of_step{"step",
                                                                "global_step",
                                                                "train/global_step",
                                                                "trainer/global_step",
                                                                "iteration",
                                                                "iter",
                                                                "steps",
                                                                "n_steps",
                                                                "_step",
                                                                "Step"};
inline constexpr std::array<std::string_view, 10> names_of_loss{
    "loss",    "train_loss",    "train/loss", "lm loss",    "lm_loss",
    "lm-loss", "training_loss", "ce_loss",    "train loss", "Loss/train"};

/// Collects the points of one log; the first thing wrong stands in `problem`.
class LogPoints {
 public:
  LogPoints(const LogOptions& options, const Stop& asked);

  /// False where the point is none.
  bool add(double step, double loss, std::string_view where);
  bool fail(std::string_view where, std::string_view why);

  const LogOptions& options;
  TrainingLog log;
  std::string problem;
  const Stop& stop;
  bool interrupted = false;

 private:
  double scale_;
};

/// Lines that people read, "step:125/1770 train_loss:4.32", as Megatron, DeepSpeed, torchtitan, nanochat and
/// modded-nanogpt print them among others: a number after a name of steps and one after a name of losses, in
/// one line. Other lines say nothing. Colours of terminals are passed over.
void read_printed_lines(std::string_view text, LogPoints& out);

/// Whether this begins a TensorBoard event file.
bool is_event_file(std::string_view text);
/// Scalars of a TensorBoard event file: the tag that is called as a loss is, at the steps of its events.
void read_event_file(std::string_view text, LogPoints& out);

}  // namespace pastonly::input
