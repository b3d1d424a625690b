#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "input/text/training_log.h"
#include "pastonly/error.h"

namespace pastonly::losses {

/// Training runs, by their logs, that differ in nothing but their seed.
struct LoggedArm {
  std::string label;                   ///< as told: "chunk=8", "causal", any word
  std::optional<std::uint64_t> chunk;  ///< from "chunk=N" in the label
  bool causal = false;                 ///< "causal" in the label: the baseline
  std::vector<input::TrainingLog> seeds;
  /// (seeds) losses on tokens drawn after training, bits per token; empty: the logs' own ends stand for them.
  std::vector<double> evaluated;
  std::optional<std::size_t> against =
      std::nullopt;  ///< index of the arm it is compared with; else the first causal one
};

/// Reads "LABEL:PATH" each; runs of equal labels become one arm, arms stand in the order in which their
/// labels first appear. A label is words and KEY=VALUE, separated by commas, in any order. Usage errors: no
/// label, an empty word or one that stands twice, a chunk that is no number or has leading zeros, several
/// chunks, "Causal" or " chunk=8" for what they look like, several different baselines, one run given twice,
/// or a part of it beside it. Input errors: of reading the logs. Interrupted once `stop` says yes.
Expected<std::vector<LoggedArm>> read_arms(std::span<const std::string> logs,
                                           const input::LogOptions& options,
                                           const input::Stop& stop = input::go_on);

}  // namespace pastonly::losses
