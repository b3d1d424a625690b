#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.h"
#include "pastonly/error.h"
#include "pastonly/layout.h"
#include "pastonly/policy.h"

namespace pastonly::lab {

/// Where an experiment's tokens come from: a source of known probabilities, or a file.
struct Tokens {
  std::optional<Source> source;
  std::string file;       ///< instead: any file's bytes, or a token stream (input/text/token_stream.h)
  std::string format;     ///< "bytes" or a token stream's format; "" for a source
  std::string sha256;     ///< of the file
  std::size_t vocab = 0;  ///< ids are below it
  friend bool operator==(const Tokens&, const Tokens&) = default;
};

/// One model to train: everything its result depends on, but the batch and the tokens.
struct Arm {
  std::string name;
  std::string group;  ///< the name without the seed: arms of one group differ in nothing else
  std::string
      against;  ///< the group it is compared with; "" for the first that routes causally, its own for none
  std::uint64_t seed = 0;
  bool shuffle = false;    ///< tokens are permuted afresh before every selection
  double drop_rate = 0.0;  ///< share of routes that are dropped at random
  model::ModelConfig model;
  model::TrainingConfig training;
};

struct Evaluation {
  std::size_t batches = 16;           ///< of the training batch's shape, each its own
  std::size_t streaming_batches = 2;  ///< of them routed token by token as well
  friend bool operator==(const Evaluation&, const Evaluation&) = default;
};

/// A file of audits/experiments, pastonly.experiment/1 (docs/lab.md), with its sweeps expanded.
struct Experiment {
  std::string name;
  std::uint64_t seed = 0;
  Tokens tokens;
  Layout batch;
  Evaluation evaluation;
  std::vector<Arm> arms;
};

/// Reads JSON with comments. Unknown keys, wrong types and values that no model can have are usage errors
/// naming the file and the key. A token file's path is taken from the directory of the experiment.
Expected<Experiment> read_experiment(const std::string& path);
Expected<Experiment> parse_experiment(std::string_view text, std::string_view name);

/// What an arm was told, in words.
std::string arm_settings(const Experiment& experiment, const Arm& arm);
/// Everything that an arm's result depends on, in words; equal for equal results only. So the program as
/// well.
std::string arm_key(const Experiment& experiment, const Arm& arm);

}  // namespace pastonly::lab
